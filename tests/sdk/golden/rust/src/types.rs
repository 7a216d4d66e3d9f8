// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.

use crate::runtime::prelude::*;

open_enum! {
    /// What has become of a volume.
    ResizeState {
        /// finished
        Done = "done",
        /// will finish later
        Queued = "queued",
        /// `half-done`
        HalfDone = "half-done",
        /// the same but for the dash
        HalfDone2 = "half_done",
        /// begins with a digit
        _56 = "5.6",
        /// a reserved word
        Class = "class",
    }
}

open_enum! {
    /// The enum `colour`.
    Colour {
        /// `red`
        Red = "red",
        /// `green`
        Green = "green",
    }
}

reference! {
    /// A reference to an object of the class `VM`.
    VmRef
}

reference! {
    /// A reference to an object of the class `Volume`.
    VolumeRef
}

record! {
    /// Volumes of disks.
    ///
    /// A second paragraph, with a "quotation", a \ backslash, a */ and <tags> & a long line that
    /// has to be filled to the width of the documentation.
    VolumeRecord {
        /// The volume's UUID.
        ///
        /// Set by the platform.
        pub uuid: String = required "uuid",
        /// What people call it.
        ///
        /// Default: empty.
        pub name_label: String = {String::new()} "name_label",
        /// The field `state`.
        ///
        /// Set by the platform.
        pub state: ResizeState = required "state",
        /// A word that languages keep for themselves.
        ///
        /// Default: plain "text".
        pub class: String = {String::from("plain \"text\"")} "class",
        /// The field `VMs`.
        ///
        /// Set by the platform.
        pub vms: Vec<VmRef> = required "VMs",
        /// The field `parent`.
        pub parent: Option<VolumeRef> = optional "parent",
        /// The field `passphrase`.
        secret passphrase: Option<String> = optional "passphrase",
        /// The field `legacy`.
        ///
        /// Default: 0. Deprecated since 1.1: Nobody asks.
        pub legacy: i64 = {0} "legacy",
    }
}

record! {
    /// One disk of a volume.
    Disk {
        /// The field `label`.
        ///
        /// Default: empty.
        pub label: String = {String::new()} "label",
        /// Such as `xvda`.
        pub device: String = required "device",
        /// Bytes.
        pub size: i64 = required "size",
        /// The field `ratio`.
        ///
        /// Default: nan.
        pub ratio: f64 = {f64::NAN} "ratio",
        /// The field `bootable`.
        ///
        /// Default: true.
        pub bootable: bool = {true} "bootable",
        /// The field `made`.
        ///
        /// Default: 2026-01-01T00:00:00.25Z.
        pub made: DateTime = {moment("2026-01-01T00:00:00.25Z")} "made",
        /// The field `colour`.
        ///
        /// Default: green.
        pub colour: Colour = {Colour::Green} "colour",
        /// The field `tags`.
        ///
        /// Default: ["a", "b"].
        pub tags: Vec<String> = {vec![String::from("a"), String::from("b")]} "tags",
        /// The field `sizes`.
        ///
        /// Default: {"1": 0.5}.
        pub sizes: BTreeMap<i64, f64> = {BTreeMap::from([(1, 0.5)])} "sizes",
        /// The field `parent`.
        pub parent: Option<Box<Disk>> = optional "parent",
        /// The field `children`.
        ///
        /// Default: [].
        pub children: Vec<Disk> = {Vec::new()} "children",
        /// The field `twice`.
        ///
        /// Default: [[]].
        pub twice: Option<Option<String>> = {Some(None)} "twice",
        /// The field `other`.
        pub other: Json = optional "other",
        /// The field `a-dash`.
        pub a_dash_2: Option<i64> = optional "a-dash",
        /// The field `a_dash`.
        pub a_dash: Option<i64> = optional "a_dash",
    }
}

record! {
    /// Is called as another one.
    DiskRecord {
        /// The field `x`.
        pub x: i64 = required "x",
    }
}
