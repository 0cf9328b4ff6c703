"""The plugin `kubectl hcms`: pure renderings, and a thin shell around kubectl."""
