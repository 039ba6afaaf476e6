"""Photos of vehicles: fetched once, kept clean, shown in three sizes (rows 105 to 114).

The engine notes changed lists on links and enqueues; `sync_photos` does the work.
"""

from app.services.photos.addresses import AllowedHosts
from app.services.photos.asking import (
    anything_to_do,
    count_kept,
    is_switched_on,
    line,
    recheck,
    retry_failed,
)
from app.services.photos.lease import unattended
from app.services.photos.work import PhotoMeans, sync_photos

__all__ = [
    "AllowedHosts",
    "PhotoMeans",
    "anything_to_do",
    "count_kept",
    "is_switched_on",
    "line",
    "recheck",
    "retry_failed",
    "sync_photos",
    "unattended",
]
