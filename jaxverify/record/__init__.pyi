from .plan import Plan, make_plan
from .record import Record, load, new_record, save

__all__ = ["Plan", "Record", "load", "make_plan", "new_record", "save"]
