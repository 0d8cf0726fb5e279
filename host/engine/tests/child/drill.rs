//! What somebody tries who got out of the sandbox and runs as the runner.
//!
//! Each attempt is made natively in a process that was confined as a runner is. It ends with status 0 if the attempt
//! was denied, with 1 if it succeeded; being killed is being denied, too.

#![allow(
    unsafe_code,
    clippy::undocumented_unsafe_blocks,
    clippy::print_stdout,
    clippy::cast_sign_loss,
    clippy::too_many_lines,
    reason = "attackers do not document theirs"
)]

use std::process::ExitCode;

use chancery_engine::runner::{confine_process, confine_threads};
use libc::c_long;

/// What `attempt` knows.
pub(crate) const ACTIONS: [&str; 45] = [
    "open-passwd",
    "open-key",
    "open-write",
    "openat2",
    "creat",
    "read-dir",
    "stat",
    "readlink",
    "unlink",
    "mkdir",
    "rename",
    "chmod",
    "socket-inet",
    "socket-unix",
    "socket-netlink",
    "connect",
    "bind",
    "ptrace-parent",
    "read-parent-memory",
    "write-parent-memory",
    "exec",
    "execveat",
    "fork",
    "vfork",
    "clone-process",
    "thread",
    "mmap-anonymous-exec",
    "mmap-writable-exec",
    "mprotect-exec",
    "pkey-mprotect-exec",
    "memfd",
    "kill-parent",
    "signal-group",
    "pidfd",
    "setuid",
    "unshare",
    "mount",
    "chroot",
    "io-uring",
    "userfaultfd",
    "bpf",
    "keyctl",
    "dup-and-pass",
    "dumpable",
    "ioctl",
];

pub(crate) fn attempt(action: &str) -> ExitCode {
    if action == "list" {
        println!("{}", ACTIONS.join("\n"));
        return ExitCode::SUCCESS;
    }
    let victim = unsafe { libc::getppid() };
    let page = vec![0_u8; 8192];
    let page = (page.as_ptr() as usize).next_multiple_of(4096);
    if confine_process().and_then(|_| confine_threads()).is_err() {
        return ExitCode::from(3);
    }
    let got = unsafe { act(action, victim, page) };
    match got {
        Some(result) if result < 0 => ExitCode::SUCCESS,
        Some(_) => ExitCode::from(1),
        None => ExitCode::from(2),
    }
}

/// What the kernel answered: negative is no.
unsafe fn act(action: &str, victim: libc::pid_t, page: usize) -> Option<c_long> {
    unsafe {
        let (passwd, tmp) = (c"/etc/passwd".as_ptr(), c"/tmp/escaped".as_ptr());
        let call =
            |number: c_long, a: usize, b: usize, c: usize, d: usize| libc::syscall(number, a, b, c, d, 0, 0);
        Some(match action {
            "open-passwd" => libc::open(passwd, libc::O_RDONLY).into(),
            "open-key" => libc::open(c"/proc/self/environ".as_ptr(), libc::O_RDONLY).into(),
            "open-write" => libc::open(tmp, libc::O_WRONLY | libc::O_CREAT, 0o600).into(),
            "openat2" => {
                let how = [0_u64; 3];
                call(libc::SYS_openat2, usize::MAX - 99, passwd as usize, how.as_ptr() as usize, 24)
            }
            "creat" => libc::creat(tmp, 0o600).into(),
            "read-dir" => libc::open(c"/".as_ptr(), libc::O_DIRECTORY).into(),
            "stat" => {
                let mut found = std::mem::zeroed();
                libc::stat(passwd, &raw mut found).into()
            }
            "readlink" => {
                let mut found = [0_u8; 64];
                libc::readlink(c"/proc/self/exe".as_ptr(), found.as_mut_ptr().cast(), 64) as c_long
            }
            "unlink" => libc::unlink(tmp).into(),
            "mkdir" => libc::mkdir(tmp, 0o700).into(),
            "rename" => libc::rename(tmp, c"/tmp/escaped-2".as_ptr()).into(),
            "chmod" => libc::chmod(c"/tmp".as_ptr(), 0o777).into(),
            "socket-inet" => libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0).into(),
            "socket-unix" => libc::socket(libc::AF_UNIX, libc::SOCK_STREAM, 0).into(),
            "socket-netlink" => libc::socket(libc::AF_NETLINK, libc::SOCK_RAW, 0).into(),
            "connect" => call(libc::SYS_connect, 0, page, 16, 0),
            "bind" => call(libc::SYS_bind, 0, page, 16, 0),
            "ptrace-parent" => libc::ptrace(libc::PTRACE_ATTACH, victim, 0, 0),
            "read-parent-memory" | "write-parent-memory" => {
                let mut bytes = [0_u8; 8];
                let here = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: 8 };
                let there = libc::iovec { iov_base: page as *mut _, iov_len: 8 };
                if action == "read-parent-memory" {
                    libc::process_vm_readv(victim, &raw const here, 1, &raw const there, 1, 0) as c_long
                } else {
                    libc::process_vm_writev(victim, &raw const here, 1, &raw const there, 1, 0) as c_long
                }
            }
            "exec" => {
                let arguments = [c"sh".as_ptr(), std::ptr::null()];
                libc::execv(c"/bin/sh".as_ptr(), arguments.as_ptr()).into()
            }
            "execveat" => call(libc::SYS_execveat, usize::MAX - 99, c"/bin/sh".as_ptr() as usize, 0, 0),
            "fork" => {
                let child = libc::fork();
                if child == 0 {
                    libc::_exit(0);
                }
                child.into()
            }
            #[cfg(target_arch = "x86_64")]
            "vfork" => call(libc::SYS_fork, 0, 0, 0, 0),
            #[cfg(not(target_arch = "x86_64"))]
            "vfork" => -1,
            "clone-process" => call(libc::SYS_clone, libc::SIGCHLD as usize, 0, 0, 0),
            "thread" => {
                let flags = libc::CLONE_VM | libc::CLONE_FS | libc::CLONE_FILES | libc::CLONE_SIGHAND;
                call(libc::SYS_clone, (flags | libc::CLONE_THREAD) as usize, page + 4096, 0, 0)
            }
            "mmap-anonymous-exec" => {
                let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
                let at =
                    libc::mmap(std::ptr::null_mut(), 4096, libc::PROT_READ | libc::PROT_EXEC, flags, -1, 0);
                at as isize as c_long
            }
            "mmap-writable-exec" => {
                let all = libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC;
                libc::mmap(std::ptr::null_mut(), 4096, all, libc::MAP_PRIVATE, 0, 0) as isize as c_long
            }
            "mprotect-exec" => libc::mprotect(page as *mut _, 4096, libc::PROT_READ | libc::PROT_EXEC).into(),
            "pkey-mprotect-exec" => call(
                libc::SYS_pkey_mprotect,
                page,
                4096,
                (libc::PROT_READ | libc::PROT_EXEC) as usize,
                usize::MAX,
            ),
            "memfd" => libc::memfd_create(c"x".as_ptr(), 0).into(),
            "kill-parent" => libc::kill(victim, 0).into(),
            "signal-group" => libc::kill(0, 0).into(),
            "pidfd" => call(libc::SYS_pidfd_open, victim as usize, 0, 0, 0),
            "setuid" => libc::setuid(0).into(),
            "unshare" => libc::unshare(libc::CLONE_NEWUSER).into(),
            "mount" => {
                libc::mount(c"none".as_ptr(), c"/tmp".as_ptr(), c"tmpfs".as_ptr(), 0, std::ptr::null()).into()
            }
            "chroot" => libc::chroot(c"/".as_ptr()).into(),
            "io-uring" => call(libc::SYS_io_uring_setup, 8, page, 0, 0),
            "userfaultfd" => call(libc::SYS_userfaultfd, 0, 0, 0, 0),
            "bpf" => call(libc::SYS_bpf, 0, page, 64, 0),
            "keyctl" => call(libc::SYS_keyctl, 0, usize::MAX - 2, 0, 0),
            "dup-and-pass" => libc::dup(0).into(),
            "dumpable" => libc::prctl(libc::PR_SET_DUMPABLE, 1).into(),
            "ioctl" => libc::ioctl(0, libc::FIONREAD, page).into(),
            _ => return None,
        })
    }
}
