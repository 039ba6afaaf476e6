"""Tables, one noun per file. Importing this package registers all of them."""

from app.models.accounts import ApiToken, Dealership, Membership, User
from app.models.audit import AuditEvent
from app.models.credentials import EasyCarsCredential
from app.models.easycars_archive import EasyCarsStockData
from app.models.links import ExternalLink
from app.models.photos import MediaObject, Photo
from app.models.schedules import Schedule, SystemSetting
from app.models.sync_runs import StreamState, SyncItem, SyncRun
from app.models.vehicles import Vehicle

__all__ = [
    "ApiToken",
    "AuditEvent",
    "Dealership",
    "EasyCarsCredential",
    "EasyCarsStockData",
    "ExternalLink",
    "MediaObject",
    "Membership",
    "Photo",
    "Schedule",
    "StreamState",
    "SyncItem",
    "SyncRun",
    "SystemSetting",
    "User",
    "Vehicle",
]
