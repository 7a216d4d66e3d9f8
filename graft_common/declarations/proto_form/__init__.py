"""Declarations as Protocol Buffers: descriptors, `.proto` files, and messages from and to the values of calls.

Each class is a service `graft.ext.<Class>` in a file of its own, and each of its methods an RPC with a request that has
a field for each parameter, numbered by place from 1, and a response that has the result as `value`. The wire knows
nothing but numbers: parameters, fields and values of enums may be added behind those that there are, and be renamed.

string, ref    string
int            int64
float          double
bool           bool
datetime       google.protobuf.Timestamp
enum           an enum; the first value declared is 1
record         a message; the first field declared is 1
set            repeated
map            map; keys of the types int and bool are such, all others are text
option         presence: a field that is set or not
told in words  graft.ext.Value

What repeats, has keys or may be absent is put into a message of its own where a field cannot be all that at once: in a
set of sets, or where a set that was left out is not an empty one, since the parameter has a default.
"""
