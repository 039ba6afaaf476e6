"""Tables, one noun per file. Importing this package registers all of them."""

from app.models.accounts import ApiToken, Dealership, Membership, User
from app.models.audit import AuditEvent
from app.models.conflicts import Conflict
from app.models.credentials import EasyCarsCredential
from app.models.customers import Customer, CustomerMerge, Quotation
from app.models.easycars_archive import EasyCarsLeadData, EasyCarsStockData
from app.models.go_live import GoLiveStep
from app.models.history import HistoryPolicy
from app.models.kept_forms import KeptForm
from app.models.leads import Lead, LeadEvent, LeadPolicy
from app.models.links import ExternalLink
from app.models.outbox import OutboxMessage
from app.models.photos import MediaObject, Photo
from app.models.policies import FeedQuestion, MappingVersion, SyncPolicy
from app.models.problems import Problem
from app.models.reconciliation import Difference
from app.models.schedules import Schedule, SystemSetting
from app.models.sync_evidence import SyncBefore, SyncPayload
from app.models.sync_runs import StreamState, SyncItem, SyncRun
from app.models.vehicle_changes import DuplicatePair, VehicleEdit, VehicleMerge
from app.models.vehicles import Vehicle

__all__ = [
    "ApiToken",
    "AuditEvent",
    "Conflict",
    "Customer",
    "CustomerMerge",
    "Dealership",
    "Difference",
    "DuplicatePair",
    "EasyCarsCredential",
    "EasyCarsLeadData",
    "EasyCarsStockData",
    "ExternalLink",
    "FeedQuestion",
    "GoLiveStep",
    "HistoryPolicy",
    "KeptForm",
    "Lead",
    "LeadEvent",
    "LeadPolicy",
    "MappingVersion",
    "MediaObject",
    "Membership",
    "OutboxMessage",
    "Photo",
    "Problem",
    "Quotation",
    "Schedule",
    "StreamState",
    "SyncBefore",
    "SyncItem",
    "SyncPayload",
    "SyncPolicy",
    "SyncRun",
    "SystemSetting",
    "User",
    "Vehicle",
    "VehicleEdit",
    "VehicleMerge",
]
