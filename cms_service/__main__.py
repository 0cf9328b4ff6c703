import sys

from cms_service.cli import main

sys.exit(main())
