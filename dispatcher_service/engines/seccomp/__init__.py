"""The seccomp filter of a call: a table of system calls, compiled to the kernel's BPF."""
