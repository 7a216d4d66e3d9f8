// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.

use crate::runtime::prelude::*;

options! {
    /// What may be left out of [`VmMethods::ping`]: what is `None`.
    VmPingOptions {
        /// Default: 1.5.
        pub value: f64 = "value",
    }
}

/// Guests.
#[derive(Clone, Copy, Debug)]
pub struct VmMethods<'a> {
    client: &'a Client,
}

impl<'a> VmMethods<'a> {
    pub(crate) fn new(client: &'a Client) -> Self {
        Self { client }
    }

    /// Answer.
    ///
    /// Needs no session. Calling it twice is as good as once.
    ///
    /// # Errors
    ///
    /// Those of the platform, or there is no answer.
    pub fn ping(&self, options: &VmPingOptions) -> Result<f64> {
        let call = call_ping(options);
        self.client.connection.invoke(call)
    }

    /// Starts [`Self::ping`] as a task, and does not wait for it.
    ///
    /// # Errors
    ///
    /// Those of the platform, or there is no answer.
    pub fn start_ping(&self, options: &VmPingOptions) -> Result<Task<f64>> {
        let call = call_ping(options);
        Task::start(self.client, call)
    }
}

fn call_ping(options: &VmPingOptions) -> Call {
    let mut call = Call::new("VM.ping");
    call.sessionless = true;
    call.repeatable = true;
    options.put_into(&mut call);
    call
}
