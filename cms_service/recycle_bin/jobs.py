"""What has been in the bin for its days goes, in all tenants."""

from dataclasses import dataclass

from cms_service.core.background.due import DueEntry, Outcome, in_turn
from cms_service.core.background.resting import Resting
from cms_service.recycle_bin.repository import BinRepository

_BATCH = 50


@dataclass(frozen=True)
class EmptyBins:
    bin: BinRepository
    days: int
    resting: Resting

    async def run_once(self) -> bool:
        batch = await self.bin.due(self.days, _BATCH, self.resting.now())
        return await in_turn(batch, self._do, self.resting) and len(batch) == _BATCH

    async def _do(self, due: DueEntry) -> Outcome:
        await self.bin.purge_due(due, self.days)
        return Outcome.DONE
