//! What somebody tries who got out of the sandbox and runs as the runner.
//!
//! Each attempt is made natively in a process that was confined as a runner is, and once in one that was not: what fails
//! there says nothing here. It ends with status 0 if the attempt was denied, with 1 if it succeeded; being killed is
//! being denied, too.

#![allow(
    unsafe_code,
    clippy::undocumented_unsafe_blocks,
    clippy::print_stdout,
    clippy::cast_sign_loss,
    clippy::cast_possible_truncation,
    clippy::too_many_lines,
    reason = "attackers do not document theirs"
)]

use std::ffi::CString;
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
    "ptrace-other",
    "read-memory-of-other",
    "write-memory-of-other",
    "exec",
    "execveat",
    "fork",
    "fork-itself",
    "clone-process",
    "thread",
    "mmap-anonymous-exec",
    "mmap-writable-exec",
    "mprotect-exec",
    "pkey-mprotect-exec",
    "memfd",
    "kill-other",
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
    "dup",
    "dumpable",
    "ioctl",
];

/// What an ordinary process may not do everywhere: that is up to the kernel's settings, or takes root's rights.
pub(crate) const NOT_EVERYWHERE: [&str; 6] = ["mount", "chroot", "io-uring", "userfaultfd", "bpf", "keyctl"];

pub(crate) fn list(actions: &[&str]) {
    println!("{}", actions.join("\n"));
}

/// What there is to be attacked.
struct Around {
    /// A folder with files that the process may otherwise read and write, and a socket somebody listens at.
    folder: String,
    /// A process of the same user, a child's even.
    victim: libc::pid_t,
    /// Sockets that are not connected, and a file in memory.
    sockets: [libc::c_int; 2],
    memory: libc::c_int,
    /// Memory that can be written to.
    page: usize,
}

impl Around {
    fn path(&self, name: &str) -> CString {
        CString::new(format!("{}/{name}", self.folder)).unwrap_or_default()
    }
}

pub(crate) fn attempt(action: &str, folder: &str, walls: bool) -> ExitCode {
    let victim = unsafe { libc::fork() };
    if victim == 0 {
        unsafe {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            libc::prctl(libc::PR_SET_DUMPABLE, 1);
            loop {
                libc::pause();
            }
        }
    }
    let page = vec![0_u8; 8192];
    let page = (page.as_ptr() as usize).next_multiple_of(4096);
    // It closes what is open, so what an intruder could have opened before comes between the two.
    if walls && confine_process().is_err() {
        return ExitCode::from(3);
    }
    let socket = || unsafe { libc::socket(libc::AF_UNIX, libc::SOCK_STREAM, 0) };
    let memory = unsafe { libc::memfd_create(c"memory".as_ptr(), 0) };
    let around = Around { folder: folder.to_owned(), victim, sockets: [socket(), socket()], memory, page };
    if walls && confine_threads().is_err() {
        return ExitCode::from(3);
    }
    match unsafe { act(action, &around) } {
        Some(result) if result < 0 => ExitCode::SUCCESS,
        Some(_) => ExitCode::from(1),
        None => ExitCode::from(2),
    }
}

/// The address of a Unix socket.
fn address_of(path: &CString) -> libc::sockaddr_un {
    let mut address: libc::sockaddr_un = unsafe { std::mem::zeroed() };
    address.sun_family = libc::AF_UNIX as u16;
    for (to, from) in address.sun_path.iter_mut().zip(path.as_bytes()) {
        *to = from.cast_signed() as libc::c_char;
    }
    address
}

/// What the kernel answered: negative is no.
unsafe fn act(action: &str, around: &Around) -> Option<c_long> {
    unsafe {
        let Around { victim, page, sockets, memory, .. } = *around;
        let passwd = c"/etc/passwd".as_ptr();
        let path = |name: &str| around.path(name);
        let call =
            |number: c_long, a: usize, b: usize, c: usize, d: usize| libc::syscall(number, a, b, c, d, 0, 0);
        let meet = |number: c_long, socket: libc::c_int, name: &str| {
            let address = address_of(&path(name));
            let length = std::mem::size_of::<libc::sockaddr_un>();
            call(number, socket as usize, (&raw const address) as usize, length, 0)
        };
        // As a program that succeeded if it runs at all.
        let arguments = [c"sh".as_ptr(), c"-c".as_ptr(), c"exit 1".as_ptr(), std::ptr::null()];
        let nothing = [std::ptr::null::<libc::c_char>()];
        Some(match action {
            "open-passwd" => libc::open(passwd, libc::O_RDONLY).into(),
            "open-key" => libc::open(path("key").as_ptr(), libc::O_RDONLY).into(),
            "open-write" => {
                libc::open(path("written").as_ptr(), libc::O_WRONLY | libc::O_CREAT, 0o600).into()
            }
            "openat2" => {
                let how = [0_u64; 3];
                call(libc::SYS_openat2, usize::MAX - 99, passwd as usize, how.as_ptr() as usize, 24)
            }
            "creat" => libc::creat(path("created").as_ptr(), 0o600).into(),
            "read-dir" => libc::open(c"/".as_ptr(), libc::O_DIRECTORY).into(),
            "stat" => {
                let mut found = std::mem::zeroed();
                libc::stat(passwd, &raw mut found).into()
            }
            "readlink" => {
                let mut found = [0_u8; 64];
                libc::readlink(c"/proc/self/exe".as_ptr(), found.as_mut_ptr().cast(), 64) as c_long
            }
            "unlink" => libc::unlink(path("unlinked").as_ptr()).into(),
            "mkdir" => libc::mkdir(path("made").as_ptr(), 0o700).into(),
            "rename" => libc::rename(path("renamed").as_ptr(), path("renamed-2").as_ptr()).into(),
            "chmod" => libc::chmod(path("key").as_ptr(), 0o600).into(),
            "socket-inet" => libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0).into(),
            "socket-unix" => libc::socket(libc::AF_UNIX, libc::SOCK_STREAM, 0).into(),
            "socket-netlink" => libc::socket(libc::AF_NETLINK, libc::SOCK_RAW, 0).into(),
            "connect" => meet(libc::SYS_connect, sockets[0], "door"),
            "bind" => meet(libc::SYS_bind, sockets[1], "bound"),
            "ptrace-other" => libc::ptrace(libc::PTRACE_SEIZE, victim, 0, 0),
            "read-memory-of-other" | "write-memory-of-other" => {
                let mut bytes = [0_u8; 8];
                let here = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: 8 };
                let there = libc::iovec { iov_base: page as *mut _, iov_len: 8 };
                if action == "read-memory-of-other" {
                    libc::process_vm_readv(victim, &raw const here, 1, &raw const there, 1, 0) as c_long
                } else {
                    libc::process_vm_writev(victim, &raw const here, 1, &raw const there, 1, 0) as c_long
                }
            }
            "exec" => libc::execv(c"/bin/sh".as_ptr(), arguments.as_ptr()).into(),
            "execveat" => call(
                libc::SYS_execveat,
                usize::MAX - 99,
                c"/bin/sh".as_ptr() as usize,
                arguments.as_ptr() as usize,
                nothing.as_ptr() as usize,
            ),
            "fork" => {
                let child = libc::fork();
                if child == 0 {
                    libc::_exit(0);
                }
                child.into()
            }
            #[cfg(target_arch = "x86_64")]
            "fork-itself" => call(libc::SYS_fork, 0, 0, 0, 0),
            #[cfg(not(target_arch = "x86_64"))]
            "fork-itself" => call(libc::SYS_clone, libc::SIGCHLD as usize, 0, 0, 0),
            "clone-process" => call(libc::SYS_clone, libc::SIGCHLD as usize, 0, 0, 0),
            "thread" => std::thread::Builder::new().spawn(|| ()).map_or(-1, |_| 0),
            "mmap-anonymous-exec" => {
                let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
                let at =
                    libc::mmap(std::ptr::null_mut(), 4096, libc::PROT_READ | libc::PROT_EXEC, flags, -1, 0);
                at as isize as c_long
            }
            "mmap-writable-exec" => {
                let all = libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC;
                libc::mmap(std::ptr::null_mut(), 4096, all, libc::MAP_PRIVATE, memory, 0) as isize as c_long
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
            "kill-other" => libc::kill(victim, 0).into(),
            "signal-group" => libc::kill(0, 0).into(),
            "pidfd" => call(libc::SYS_pidfd_open, victim as usize, 0, 0, 0),
            "setuid" => libc::setuid(libc::getuid()).into(),
            "unshare" => libc::unshare(libc::CLONE_FS).into(),
            "mount" => {
                let (on, tmpfs) = (path("mounted"), c"tmpfs".as_ptr());
                let mounted = libc::mount(c"none".as_ptr(), on.as_ptr(), tmpfs, 0, std::ptr::null());
                libc::umount2(on.as_ptr(), libc::MNT_DETACH);
                mounted.into()
            }
            "chroot" => libc::chroot(c"/".as_ptr()).into(),
            "io-uring" => call(libc::SYS_io_uring_setup, 8, page, 0, 0),
            // In user mode only, as anybody may.
            "userfaultfd" => call(libc::SYS_userfaultfd, 1, 0, 0, 0),
            "bpf" => {
                // An array of one element.
                let mut attributes = [0_u32; 32];
                attributes[..4].copy_from_slice(&[2, 4, 4, 1]);
                call(libc::SYS_bpf, 0, attributes.as_ptr() as usize, 128, 0)
            }
            "keyctl" => call(libc::SYS_keyctl, 0, usize::MAX - 1, 1, 0),
            "dup" => libc::dup(0).into(),
            "dumpable" => libc::prctl(libc::PR_SET_DUMPABLE, 1).into(),
            "ioctl" => libc::ioctl(sockets[0], libc::TIOCOUTQ, page).into(),
            _ => return None,
        })
    }
}
