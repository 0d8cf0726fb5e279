//! What a process that runs other people's code may still do: compute, take memory, and talk over the sockets and
//! pipes that it has.
//!
//! Three walls, so that a hole in one is not the end. Limits of resources; Landlock, where the kernel has it, against
//! files, addresses and signals; and a filter of system calls in two layers: whatever is not needed fails, and what
//! only an attacker tries ends the process.

use std::{collections::BTreeMap, io};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _,
    RulesetStatus, Scope,
};
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, Signal, set_dumpable_behavior, set_parent_process_death_signal,
    setrlimit,
};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, apply_filter_all_threads,
};
use wasmtime::PoolingAllocationConfig;

/// Bytes of memory that can be written to; address space is reserved by the terabyte and costs nothing.
const MEMORY: u64 = 1 << 30;
/// Open files: a component keeps none.
const FILES: u64 = 64;

/// `_IOWR('f', 16, struct pm_scan_arg)` of `linux/fs.h`, since 6.7.
const PAGEMAP_SCAN: u32 = 0xc060_6610;

/// How far a process is confined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confined {
    /// Whether the kernel keeps it from files, addresses and other processes (Landlock), beside the filter.
    pub landlock: bool,
}

/// Confines the process. Before it has a second thread: what is started later is confined with it.
pub fn confine_process() -> io::Result<Confined> {
    close_what_was_inherited()?;
    // wasmtime asks this file which of its own pages it wrote to. It is the only one to be open, and before the walls are
    // up; where it cannot be, clearing an instance costs more.
    PoolingAllocationConfig::is_pagemap_scan_available();
    shut_doors()
}

/// Confines the process as on a kernel that does not tell which pages were written.
pub(super) fn confine_on_an_old_kernel() -> io::Result<Confined> {
    close_what_was_inherited()?;
    shut_doors()
}

fn shut_doors() -> io::Result<Confined> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // Nobody attaches to it, and it leaves no core behind with what it was asked.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    for (resource, most) in [
        (Resource::Data, MEMORY),
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (Resource::Nofile, FILES),
        (Resource::Memlock, 0),
        (Resource::Msgqueue, 0),
    ] {
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?;
    }
    Ok(Confined { landlock: shut_in().map_err(io::Error::other)? })
}

/// Whoever started the server may have left it descriptors without saying that they end with it.
fn close_what_was_inherited() -> io::Result<()> {
    #[expect(unsafe_code, reason = "closing what nobody in this process has opened")]
    // SAFETY: this is the first that the process does: above the three standard ones there is nothing of its own.
    let closed = unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) };
    // Kernels before 5.9 do not know it; Rust's own processes leave nothing behind.
    if closed < 0 && io::Error::last_os_error().raw_os_error() != Some(libc::ENOSYS) {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// No file, no address, no signal to others, as far as the kernel knows how.
fn shut_in() -> Result<bool, landlock::RulesetError> {
    let newest = ABI::V6;
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(newest))?
        .handle_access(AccessNet::from_all(newest))?
        .scope(Scope::from_all(newest))?;
    let status = ruleset.create()?.restrict_self()?;
    Ok(status.ruleset != RulesetStatus::NotEnforced)
}

/// Shuts the door behind all threads: from here on no thread can be started and nothing be made executable that was
/// ever writable.
pub fn confine_threads() -> io::Result<()> {
    // In this order, because each is installed under those before it.
    for filter in [missing()?, needed()?, hostile()?] {
        apply_filter_all_threads(&filter).map_err(io::Error::other)?;
    }
    Ok(())
}

/// What is not listed fails as if it were not permitted.
fn needed() -> io::Result<BpfProgram> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = [
        // Over what is open.
        libc::SYS_read,
        libc::SYS_write,
        libc::SYS_readv,
        libc::SYS_writev,
        libc::SYS_recvmsg,
        libc::SYS_sendmsg,
        libc::SYS_recvfrom,
        libc::SYS_sendto,
        libc::SYS_close,
        libc::SYS_lseek,
        libc::SYS_epoll_pwait,
        libc::SYS_epoll_ctl,
        libc::SYS_ppoll,
        // Memory; what may be mapped how, the other filter says.
        libc::SYS_mmap,
        libc::SYS_munmap,
        libc::SYS_mprotect,
        libc::SYS_mremap,
        libc::SYS_madvise,
        libc::SYS_brk,
        // Threads that are there, and their end.
        libc::SYS_futex,
        libc::SYS_sched_yield,
        libc::SYS_sched_getaffinity,
        libc::SYS_rseq,
        libc::SYS_set_robust_list,
        libc::SYS_gettid,
        libc::SYS_getpid,
        libc::SYS_exit,
        libc::SYS_exit_group,
        libc::SYS_restart_syscall,
        // A guest's trap is a signal.
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sigaltstack,
        // Time and chance.
        libc::SYS_clock_gettime,
        libc::SYS_clock_nanosleep,
        libc::SYS_nanosleep,
        libc::SYS_getrandom,
    ]
    .into_iter()
    .map(|call| (call, Vec::new()))
    .collect();
    #[cfg(target_arch = "x86_64")]
    rules.extend([libc::SYS_epoll_wait, libc::SYS_poll].map(|call| (call, Vec::new())));
    // Whether a file is sealed, and whether reading it waits.
    let asked = [libc::F_GET_SEALS, libc::F_GETFD, libc::F_GETFL, libc::F_SETFL];
    rules.insert(libc::SYS_fcntl, any_of(1, &asked.map(i32::unsigned_abs))?);
    // Which of its own pages were written.
    rules.insert(libc::SYS_ioctl, any_of(1, &[PAGEMAP_SCAN])?);
    // The last filter is yet to be installed; by then it says that nobody installs another.
    rules.insert(libc::SYS_prctl, any_of(0, &[libc::PR_SET_NO_NEW_PRIVS.unsigned_abs()])?);
    rules
        .extend([libc::SYS_seccomp, libc::SYS_memfd_create, libc::SYS_clone3].map(|call| (call, Vec::new())));
    compiled(rules, SeccompAction::Errno(libc::EPERM.unsigned_abs()), SeccompAction::Allow)
}

/// What seems not to exist, so that its users do without. Images of memory are copied instead of mapped: a file in
/// memory could be filled with code, and executed.
fn missing() -> io::Result<BpfProgram> {
    let rules = [libc::SYS_memfd_create, libc::SYS_clone3].map(|call| (call, Vec::new())).into();
    compiled(rules, SeccompAction::Allow, SeccompAction::Errno(libc::ENOSYS.unsigned_abs()))
}

/// What nobody in here does but an attacker ends the process.
fn hostile() -> io::Result<BpfProgram> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = [
        libc::SYS_execve,
        libc::SYS_execveat,
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_socket,
        libc::SYS_socketpair,
        libc::SYS_connect,
        libc::SYS_bind,
        libc::SYS_listen,
        libc::SYS_accept,
        libc::SYS_accept4,
        libc::SYS_kill,
        libc::SYS_tkill,
        libc::SYS_pidfd_open,
        libc::SYS_pidfd_send_signal,
        libc::SYS_pidfd_getfd,
        libc::SYS_unshare,
        libc::SYS_setns,
        libc::SYS_mount,
        libc::SYS_pivot_root,
        libc::SYS_chroot,
        libc::SYS_bpf,
        libc::SYS_perf_event_open,
        libc::SYS_io_uring_setup,
        libc::SYS_userfaultfd,
        libc::SYS_keyctl,
        libc::SYS_add_key,
        libc::SYS_setuid,
        libc::SYS_setgid,
        libc::SYS_setresuid,
        libc::SYS_setresgid,
        libc::SYS_capset,
        libc::SYS_init_module,
        libc::SYS_finit_module,
        libc::SYS_memfd_secret,
        libc::SYS_pkey_mprotect,
        libc::SYS_open_by_handle_at,
        libc::SYS_seccomp,
    ]
    .into_iter()
    .map(|call| (call, Vec::new()))
    .collect();
    #[cfg(target_arch = "x86_64")]
    rules.extend([libc::SYS_fork, libc::SYS_vfork].map(|call| (call, Vec::new())));
    let protection = |bits: i32| {
        let bits = u64::from(bits.unsigned_abs());
        condition(2, SeccompCmpOp::MaskedEq(bits), bits)
    };
    let (exec, write) = (libc::PROT_EXEC, libc::PROT_WRITE);
    // Nothing becomes executable that is there, whatever it was before …
    rules.insert(libc::SYS_mprotect, vec![rule(vec![protection(exec)?])?]);
    // … and what comes executable comes from a file, and stays as it is.
    let anonymous = u64::from(libc::MAP_ANONYMOUS.unsigned_abs());
    let anonymous = condition(3, SeccompCmpOp::MaskedEq(anonymous), anonymous)?;
    rules.insert(
        libc::SYS_mmap,
        vec![rule(vec![protection(exec)?, anonymous])?, rule(vec![protection(exec | write)?])?],
    );
    compiled(rules, SeccompAction::Allow, SeccompAction::KillProcess)
}

/// Permits a call whose argument is one of these.
fn any_of(argument: u8, values: &[u32]) -> io::Result<Vec<SeccompRule>> {
    values.iter().map(|value| rule(vec![condition(argument, SeccompCmpOp::Eq, (*value).into())?])).collect()
}

fn condition(argument: u8, operator: SeccompCmpOp, value: u64) -> io::Result<SeccompCondition> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value).map_err(io::Error::other)
}

fn rule(conditions: Vec<SeccompCondition>) -> io::Result<SeccompRule> {
    SeccompRule::new(conditions).map_err(io::Error::other)
}

fn compiled(
    rules: BTreeMap<i64, Vec<SeccompRule>>,
    otherwise: SeccompAction,
    matched: SeccompAction,
) -> io::Result<BpfProgram> {
    let architecture = TargetArch::try_from(std::env::consts::ARCH).map_err(io::Error::other)?;
    let filter = SeccompFilter::new(rules, otherwise, matched, architecture).map_err(io::Error::other)?;
    BpfProgram::try_from(filter).map_err(io::Error::other)
}
