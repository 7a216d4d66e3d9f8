"""What the SDKs of all APIs have in common; nothing here is to be imported from outside of the package."""
