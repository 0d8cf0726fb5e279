//! Makes a new migration reach the binary: the folder is read by a macro, and Cargo does not see that.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}
