# Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
# Changes to it are lost when it is made again.
"""How the types travel."""

from __future__ import annotations

from . import types as _t
from ._runtime import codecs as _r

ResizeState: _r.Codec[_t.ResizeState] = _r.EnumCodec(_t.ResizeState)
Colour: _r.Codec[_t.Colour] = _r.EnumCodec(_t.Colour)
VmRef: _r.Codec[_t.VmRef] = _r.RefCodec()
VolumeRef: _r.Codec[_t.VolumeRef] = _r.RefCodec()
VolumeRecord: _r.Codec[_t.VolumeRecord] = _r.RecordCodec(
    _t.VolumeRecord,
    lambda: [
        ("uuid", "uuid", _r.STRING, False),
        ("name_label", "name_label", _r.STRING, False),
        ("state", "state", ResizeState, False),
        ("class", "class_", _r.STRING, False),
        ("VMs", "vms", _r.SetCodec(VmRef), False),
        ("parent", "parent", _r.OptionCodec(VolumeRef), True),
        ("passphrase", "passphrase", _r.OptionCodec(_r.STRING), True),
        ("legacy", "legacy", _r.INT, False),
    ],
)
Disk: _r.Codec[_t.Disk] = _r.RecordCodec(
    _t.Disk,
    lambda: [
        ("label", "label", _r.STRING, False),
        ("device", "device", _r.STRING, False),
        ("size", "size", _r.INT, False),
        ("ratio", "ratio", _r.FLOAT, False),
        ("bootable", "bootable", _r.BOOL, False),
        ("made", "made", _r.DATETIME, False),
        ("colour", "colour", Colour, False),
        ("tags", "tags", _r.SetCodec(_r.STRING), False),
        ("sizes", "sizes", _r.MapCodec(_r.INT, _r.FLOAT), False),
        ("parent", "parent", _r.OptionCodec(Disk), True),
        ("children", "children", _r.SetCodec(Disk), False),
        ("twice", "twice", _r.BoxCodec(_r.OptionCodec(_r.STRING)), False),
        ("other", "other", _r.ANYTHING, True),
        ("a-dash", "a_dash_2", _r.OptionCodec(_r.INT), True),
        ("a_dash", "a_dash", _r.OptionCodec(_r.INT), True),
    ],
)
DiskRecord: _r.Codec[_t.DiskRecord] = _r.RecordCodec(
    _t.DiskRecord,
    lambda: [
        ("x", "x", _r.INT, False),
    ],
)
