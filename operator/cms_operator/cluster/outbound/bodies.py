"""Bodies of answers, read up to a bound."""

import aiohttp


class TooLongError(ValueError):
    """The message says how long it might have been."""


async def read(response: aiohttp.ClientResponse, most: int) -> bytes:
    """Read all of a body: a part could pass for it. Raises TooLongError, aiohttp.ClientError."""
    found = bytearray()
    async for chunk in response.content.iter_any():
        found += chunk
        if len(found) > most:
            response.close()
            raise TooLongError(f"longer than {most} bytes")
    return bytes(found)
