// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.

//! The methods, a module for each class.

mod vm;
mod volume;

pub use vm::*;
pub use volume::*;
