// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.

use crate::runtime::prelude::*;
use crate::types::*;

options! {
    /// What may be left out of [`VolumeMethods::resize`]: what is `None`.
    VolumeResizeOptions {
        /// Do it even if somebody uses it. Default: false.
        pub force: bool = "force",
        /// It has a default. Since 1.2.
        secret passphrase: Option<String> = "passphrase",
        /// A name that clients use themselves. Default: 30.
        pub timeout: i64 = "timeout",
    }
}

options! {
    /// What may be left out of [`VolumeMethods::delete`]: what is `None`.
    VolumeDeleteOptions {
        /// It may be left out.
        pub from: String = "from",
    }
}

options! {
    /// What may be left out of [`VolumeMethods::draft`]: what is `None`.
    VolumeDraftOptions {
        /// Default: [].
        pub twice: Option<Option<i64>> = "twice",
        /// Default: [].
        pub when: Option<Vec<DateTime>> = "when",
    }
}

/// Volumes of disks.
///
/// A second paragraph, with a "quotation", a \ backslash, a */ and <tags> & a long line that
/// has to be filled to the width of the documentation.
#[derive(Clone, Copy, Debug)]
pub struct VolumeMethods<'a> {
    client: &'a Client,
}

impl<'a> VolumeMethods<'a> {
    pub(crate) fn new(client: &'a Client) -> Self {
        Self { client }
    }

    /// Grow or shrink a volume.
    ///
    /// Shrinking needs a volume that nothing uses:
    ///
    /// - no guest,
    /// - no snapshot.
    ///
    /// Needs the role pool-operator or one above it. Since 1.0. Calling it twice is as good as
    /// once.
    ///
    /// # Parameters
    ///
    /// - `volume`: The volume.
    /// - `disks`: The disks as they shall be.
    ///
    /// # Result
    ///
    /// What became of it.
    ///
    /// # Errors
    ///
    /// - `Error::VolumeInUse`: Some guest has it open.
    /// - `Error::HandleInvalid`: There is no such volume.
    pub fn resize(
        &self,
        volume: &VolumeRef,
        disks: &[Disk],
        options: &VolumeResizeOptions,
    ) -> Result<ResizeState> {
        let call = call_resize(volume, disks, options);
        self.client.connection.invoke(call)
    }

    /// Starts [`Self::resize`] as a task, and does not wait for it.
    ///
    /// # Errors
    ///
    /// Those of the platform, or there is no answer.
    pub fn start_resize_2(
        &self,
        volume: &VolumeRef,
        disks: &[Disk],
        options: &VolumeResizeOptions,
    ) -> Result<Task<ResizeState>> {
        let call = call_resize(volume, disks, options);
        Task::start(self.client, call)
    }

    /// Calls `Volume.get_VMs`.
    ///
    /// Needs the role read-only or one above it.
    ///
    /// # Errors
    ///
    /// Those of the platform, or there is no answer.
    pub fn get_vms(&self, self_: &VolumeRef) -> Result<BTreeMap<VmRef, Vec<Disk>>> {
        let call = call_get_vms(self_);
        self.client.connection.invoke(call)
    }

    /// Starts [`Self::get_vms`] as a task, and does not wait for it.
    ///
    /// # Errors
    ///
    /// Those of the platform, or there is no answer.
    pub fn start_get_vms(&self, self_: &VolumeRef) -> Result<Task<BTreeMap<VmRef, Vec<Disk>>>> {
        let call = call_get_vms(self_);
        Task::start(self.client, call)
    }

    /// Is called as another one in some languages.
    ///
    /// Needs the role read-only or one above it.
    ///
    /// # Errors
    ///
    /// Those of the platform, or there is no answer.
    pub fn get_vms_2(&self) -> Result<Vec<VmRef>> {
        let call = call_get_vms_2();
        self.client.connection.invoke(call)
    }

    /// Starts [`Self::get_vms_2`] as a task, and does not wait for it.
    ///
    /// # Errors
    ///
    /// Those of the platform, or there is no answer.
    pub fn start_get_vms_2(&self) -> Result<Task<Vec<VmRef>>> {
        let call = call_get_vms_2();
        Task::start(self.client, call)
    }

    /// Calls `Volume.get_record`.
    ///
    /// Needs the role read-only or one above it.
    ///
    /// # Errors
    ///
    /// Those of the platform, or there is no answer.
    pub fn get_record(&self, self_: &VolumeRef) -> Result<VolumeRecord> {
        let call = call_get_record(self_);
        self.client.connection.invoke(call)
    }

    /// Starts [`Self::get_record`] as a task, and does not wait for it.
    ///
    /// # Errors
    ///
    /// Those of the platform, or there is no answer.
    pub fn start_get_record(&self, self_: &VolumeRef) -> Result<Task<VolumeRecord>> {
        let call = call_get_record(self_);
        Task::start(self.client, call)
    }

    /// A reserved word.
    ///
    /// Needs the role pool-admin or one above it.
    ///
    /// # Errors
    ///
    /// Those of the platform, or there is no answer.
    pub fn delete(&self, class: &str, options: &VolumeDeleteOptions) -> Result<()> {
        let call = call_delete(class, options);
        self.client.connection.invoke(call)
    }

    /// Starts [`Self::delete`] as a task, and does not wait for it.
    ///
    /// # Errors
    ///
    /// Those of the platform, or there is no answer.
    pub fn start_delete(&self, class: &str, options: &VolumeDeleteOptions) -> Result<Task<()>> {
        let call = call_delete(class, options);
        Task::start(self.client, call)
    }

    /// Is called as the task of another one.
    ///
    /// Needs the role pool-admin or one above it.
    ///
    /// # Errors
    ///
    /// Those of the platform, or there is no answer.
    pub fn start_resize(&self) -> Result<()> {
        let call = call_start_resize();
        self.client.connection.invoke(call)
    }

    /// Starts [`Self::start_resize`] as a task, and does not wait for it.
    ///
    /// # Errors
    ///
    /// Those of the platform, or there is no answer.
    pub fn start_start_resize(&self) -> Result<Task<()>> {
        let call = call_start_resize();
        Task::start(self.client, call)
    }

    /// Do it as of old.
    ///
    /// Needs the role pool-admin or one above it. Since 1.0.
    ///
    /// # Errors
    ///
    /// Those of the platform, or there is no answer.
    #[deprecated(note = "since 1.1: Use `Volume.resize`.")]
    pub fn old(&self) -> Result<()> {
        let call = call_old();
        self.client.connection.invoke(call)
    }

    /// Starts [`Self::old`] as a task, and does not wait for it.
    ///
    /// # Errors
    ///
    /// Those of the platform, or there is no answer.
    #[deprecated(note = "since 1.1: Use `Volume.resize`.")]
    pub fn start_old(&self) -> Result<Task<()>> {
        let call = call_old();
        Task::start(self.client, call)
    }

    /// Calls `Volume.draft`.
    ///
    /// Needs a session, and no role. A prototype since 1.3: it may change without notice.
    ///
    /// # Errors
    ///
    /// - `Error::Draft`: `DRAFT_ERROR`
    pub fn draft(
        &self,
        everything: &Json,
        options: &VolumeDraftOptions,
    ) -> Result<Option<BTreeMap<Colour, Option<i64>>>> {
        let call = call_draft(everything, options);
        self.client.connection.invoke(call)
    }

    /// Starts [`Self::draft`] as a task, and does not wait for it.
    ///
    /// # Errors
    ///
    /// Those of the platform, or there is no answer.
    pub fn start_draft(
        &self,
        everything: &Json,
        options: &VolumeDraftOptions,
    ) -> Result<Task<Option<BTreeMap<Colour, Option<i64>>>>> {
        let call = call_draft(everything, options);
        Task::start(self.client, call)
    }
}

fn call_resize(volume: &VolumeRef, disks: &[Disk], options: &VolumeResizeOptions) -> Call {
    let mut call = Call::new("Volume.resize");
    call.repeatable = true;
    call.put("volume", volume);
    call.put("disks", disks);
    options.put_into(&mut call);
    call
}

fn call_get_vms(self_: &VolumeRef) -> Call {
    let mut call = Call::new("Volume.get_VMs");
    call.put("self", self_);
    call
}

fn call_get_vms_2() -> Call {
    Call::new("Volume.getVMs")
}

fn call_get_record(self_: &VolumeRef) -> Call {
    let mut call = Call::new("Volume.get_record");
    call.put("self", self_);
    call
}

fn call_delete(class: &str, options: &VolumeDeleteOptions) -> Call {
    let mut call = Call::new("Volume.delete");
    call.put("class", class);
    options.put_into(&mut call);
    call
}

fn call_start_resize() -> Call {
    Call::new("Volume.start_resize")
}

fn call_old() -> Call {
    Call::new("Volume.old")
}

fn call_draft(everything: &Json, options: &VolumeDraftOptions) -> Call {
    let mut call = Call::new("Volume.draft");
    call.put("everything", everything);
    options.put_into(&mut call);
    call
}
