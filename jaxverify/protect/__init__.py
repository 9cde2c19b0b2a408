"""Protecting a customer's data set: rows in, rows with an extra task among them out."""

from jaxverify.protect.upload import Protected, protect

__all__ = ["Protected", "protect"]
