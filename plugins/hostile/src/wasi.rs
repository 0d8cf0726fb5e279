//! What a guest finds when it looks for the outside world.

#![cfg_attr(not(target_family = "wasm"), allow(unused, reason = "only a component has these imports"))]

wit_bindgen::generate!({
    inline: "
        package test:wasi;

        world curious {
            import wasi:clocks/wall-clock@0.2.6;
            import wasi:clocks/monotonic-clock@0.2.6;
            import wasi:random/random@0.2.6;
            import wasi:cli/environment@0.2.6;
        }

        package wasi:clocks@0.2.6 {
            interface wall-clock {
                record datetime { seconds: u64, nanoseconds: u32 }
                now: func() -> datetime;
            }
            interface monotonic-clock {
                use wasi:io/poll@0.2.6.{pollable};
                subscribe-duration: func(when: u64) -> pollable;
            }
        }

        package wasi:io@0.2.6 {
            interface poll {
                resource pollable { block: func(); ready: func() -> bool; }
            }
        }

        package wasi:random@0.2.6 {
            interface random { get-random-u64: func() -> u64; }
        }

        package wasi:cli@0.2.6 {
            interface environment { get-environment: func() -> list<tuple<string, string>>; }
        }
    ",
    generate_all,
});

use self::wasi as host;

pub(crate) fn clock() -> u64 {
    host::clocks::wall_clock::now().seconds
}

pub(crate) fn random() -> String {
    format!("{:x} {:x}", host::random::random::get_random_u64(), host::random::random::get_random_u64())
}

pub(crate) fn environment() -> usize {
    host::cli::environment::get_environment().len()
}

/// How often it looks at a timer of a millisecond before that has passed: real time, if it ever does.
pub(crate) fn timer() -> u32 {
    let timer = host::clocks::monotonic_clock::subscribe_duration(1_000_000);
    (0..20_000).take_while(|_| !timer.ready()).count() as u32
}

/// Waits for a minute in the host, where neither fuel nor epoch reach.
pub(crate) fn sleep() {
    host::clocks::monotonic_clock::subscribe_duration(60_000_000_000).block();
}
