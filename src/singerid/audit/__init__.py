"""Singer or album? What a run's score owes to the voice and what to everything else on an album."""

from singerid.audit.auditing import Audit, audit

__all__ = ["Audit", "audit"]
