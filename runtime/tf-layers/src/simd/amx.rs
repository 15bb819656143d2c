//! Whether there is AMX; `kernels::amx` is what uses it.

use std::arch::x86_64::__cpuid_count;
use std::sync::OnceLock;

/// Whether the processor has tiles and their products of bfloat16, and the system lets this process use them.
pub(super) fn is_available() -> bool {
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    *AVAILABLE.get_or_init(|| {
        // Intel 64 and IA-32 Architectures Software Developer's Manual, CPUID leaf 7: AMX-BF16 and AMX-TILE.
        const FEATURES: u32 = 1 << 22 | 1 << 24;
        // Linux's arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA): the registers of tiles take 8 KiB for each thread
        // that is interrupted, so that a process has to ask for them.
        const REQUEST: (libc::c_ulong, libc::c_ulong) = (0x1023, 18);
        // SAFETY: the system call reads no memory, and fails on a system or a machine without tiles.
        let permitted =
            || unsafe { libc::syscall(libc::SYS_arch_prctl, REQUEST.0, REQUEST.1) } == 0;
        !cfg!(miri) && __cpuid_count(7, 0).edx & FEATURES == FEATURES && permitted()
    })
}
