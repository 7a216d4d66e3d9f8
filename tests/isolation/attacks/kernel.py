"""What one asks of the kernel itself. Nothing here changes a machine, even where it is let through."""

from __future__ import annotations

import ctypes
import mmap
import os
import struct

from .table import MACHINE, PLAIN, PROCESS, ROOT, SPACES, Absent, Bait, attack, errors, libc, reaches, syscall

NOTHING = b"/nonexistent-graft-test"
ADJ_TICK = 0x4000


@attack(ROOT)
def loads_a_module(_bait: Bait) -> str:
    return reaches("init_module", 0, 0, b"", beyond=errors("EFAULT", "ENOEXEC"))


@attack(ROOT)
def loads_a_module_from_a_file(_bait: Bait) -> str:
    return reaches("finit_module", -1, b"", 0, beyond=errors("EBADF"))


@attack(ROOT)
def unloads_a_module(_bait: Bait) -> str:
    return reaches("delete_module", b"graft_test_absent", 0, beyond=errors("ENOENT", "EWOULDBLOCK"))


@attack(ROOT)
def loads_another_kernel(_bait: Bait) -> str:
    """The flags are ones that there are not."""
    return reaches("kexec_load", 0, 0, 0, 0xFF, beyond=errors("EINVAL"))


@attack(ROOT)
def loads_another_kernel_from_a_file(_bait: Bait) -> str:
    return reaches("kexec_file_load", -1, -1, 0, 0, 0xFF, beyond=errors("EINVAL", "EBADF"))


@attack(ROOT)
def reboots(_bait: Bait) -> str:
    """Without the magic numbers that the kernel wants to see, after it has looked who asks."""
    return reaches("reboot", 1, 2, 3, 0, beyond=errors("EINVAL"))


@attack(ROOT)
def sets_the_clock(bait: Bait) -> str:
    """To tick as it does."""
    timex = ctypes.create_string_buffer(256)
    if not bait["inside"]:
        syscall("adjtimex", timex)
    tick = struct.unpack_from("q", timex, 88)[0]
    struct.pack_into("I", timex, 0, ADJ_TICK)
    struct.pack_into("q", timex, 88, tick or 10_000)
    syscall("adjtimex", timex)
    return f"the tick is {tick} us"


@attack(ROOT)
def swaps(_bait: Bait) -> str:
    return reaches("swapon", NOTHING, 0, beyond=errors("ENOENT"))


@attack(ROOT)
def stops_swapping(_bait: Bait) -> str:
    return reaches("swapoff", NOTHING, beyond=errors("ENOENT"))


@attack(ROOT)
def keeps_accounts(_bait: Bait) -> str:
    return reaches("acct", NOTHING, beyond=errors("ENOENT"))


@attack(ROOT)
def sets_quotas(_bait: Bait) -> str:
    get_format = 0x800004 << 8
    return reaches("quotactl", get_format, NOTHING, 0, 0, beyond=errors("ENOENT", "ENOTBLK", "ENOSYS"))


@attack(ROOT)
def reads_the_kernels_log(_bait: Bait) -> str:
    read_all = 3
    return f"{syscall('syslog', read_all, ctypes.create_string_buffer(64), 64)} bytes"


@attack(PLAIN)
def asks_the_size_of_the_kernels_log(bait: Bait) -> str:
    if not bait["inside"] and os.geteuid() != 0:
        raise Absent("it depends on kernel.dmesg_restrict")
    return f"{syscall('syslog', 10, 0, 0)} bytes"


@attack(ROOT)
def loads_a_bpf_program(_bait: Bait) -> str:
    return reaches("bpf", 5, ctypes.create_string_buffer(120), 120, beyond=errors("EINVAL", "EFAULT", "E2BIG"))


@attack(ROOT)
def makes_a_bpf_map(_bait: Bait) -> str:
    arguments = ctypes.create_string_buffer(struct.pack("4I", 2, 4, 8, 1), 120)
    return f"map {syscall('bpf', 0, arguments, 120)}"


@attack(ROOT)
def counts_events(_bait: Bait) -> str:
    software = 1
    arguments = ctypes.create_string_buffer(struct.pack("IIQ", software, 112, 0), 112)
    return reaches("perf_event_open", arguments, 0, -1, -1, 0, beyond=errors("EINVAL", "ENOENT"))


@attack(PLAIN)
def handles_its_own_page_faults(_bait: Bait) -> str:
    """What makes races in the kernel easy to win."""
    user_mode_only = 1
    return f"userfaultfd {syscall('userfaultfd', user_mode_only)}"


@attack(PLAIN)
def sets_up_a_ring(bait: Bait) -> str:
    from .network import makes_sockets_by_a_ring

    return makes_sockets_by_a_ring(bait)


@attack(PLAIN)
def has_memory_that_even_the_kernel_cannot_read(bait: Bait) -> str:
    try:
        return f"memfd_secret {syscall('memfd_secret', 0)}"
    except OSError:
        if not bait["inside"]:
            raise Absent("this kernel has none, or it is off") from None
        raise


@attack(PLAIN)
def lends_pages_to_a_pipe(_bait: Bait) -> str:
    """They stay when nobody has them mapped any more, huge ones whole, and no limit counts them."""
    memory = mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory[0] = 1
    vector = (ctypes.c_size_t * 2)(ctypes.addressof(ctypes.c_char.from_buffer(memory)), 1)
    return f"vmsplice = {syscall('vmsplice', os.pipe()[1], vector, 1, 0)}"


@attack(ROOT)
def watches_all_files(_bait: Bait) -> str:
    return f"fanotify {syscall('fanotify_init', 0, 0)}"


def _ports(name: str, *arguments: int) -> None:
    @attack(ROOT, f"reaches the ports of the hardware by {name}")
    def run(_bait: Bait) -> str:
        return f"{name} = {syscall(name, *arguments)}"


_ports("ioperm", 0x80, 1, 1)
_ports("iopl", 3)


@attack(SPACES)
def names_the_host(_bait: Bait) -> str:
    syscall("sethostname", b"graft-test", 10)
    return os.uname().nodename


@attack(SPACES)
def names_the_domain(_bait: Bait) -> str:
    syscall("setdomainname", b"graft-test", 10)
    return "named"


@attack(ROOT)
def hangs_up(_bait: Bait) -> str:
    """Outside in a session without a terminal, so that there is nothing to hang up."""
    return f"vhangup = {syscall('vhangup')}"


def _machine_code(name: str, code: bytes, wanted: object) -> None:
    @attack(PLAIN, name)
    def run(bait: Bait) -> str:
        if MACHINE != "x86_64":
            raise Absent(f"{MACHINE} has no second ABI")
        memory = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        memory.write(code)
        address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        result = ctypes.CFUNCTYPE(ctypes.c_long)(address)()
        if not bait["inside"] and result < 0 and name.startswith("makes a 32"):
            raise Absent("this kernel runs no 32-bit calls")
        return f"the kernel answered {result}, expected {wanted}"


# mov eax, 20 (getpid); int 0x80; ret
_machine_code("makes a 32-bit call", b"\xb8\x14\x00\x00\x00\xcd\x80\xc3", "the process id")
# mov eax, 0x40000027 (getpid); syscall; ret. Kernels without x32 answer ENOSYS, which is an answer all the same.
_machine_code("makes an x32 call", b"\xb8\x27\x00\x00\x40\x0f\x05\xc3", "the process id, or ENOSYS")


@attack(PLAIN)
def shares_memory_of_the_old_kind(_bait: Bait) -> str:
    private, remove = 0, 0
    number = syscall("shmget", private, 4096, 0o1600)
    syscall("shmctl", number, remove, 0)
    return f"segment {number}"


@attack(PLAIN)
def queues_messages_of_the_old_kind(_bait: Bait) -> str:
    number = syscall("msgget", 0, 0o1600)
    syscall("msgctl", number, 0, 0)
    return f"queue {number}"


@attack(PLAIN)
def makes_semaphores_of_the_old_kind(_bait: Bait) -> str:
    number = syscall("semget", 0, 1, 0o1600)
    syscall("semctl", number, 0, 0, 0)
    return f"set {number}"


@attack(PROCESS)
def queues_messages_by_name(_bait: Bait) -> str:
    name = b"graft-test-%d" % os.getpid()
    created = os.O_CREAT | os.O_RDWR
    os.close(syscall("mq_open", name, created, 0o600, 0))
    libc.syscall(ctypes.c_long(241 if MACHINE == "x86_64" else 181), name)
    return "a queue"
