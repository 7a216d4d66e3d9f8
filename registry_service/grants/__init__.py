"""What administrators have granted of the access that methods ask for."""
