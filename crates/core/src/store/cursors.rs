//! stub
use super::{Answer, Caller, Store};
use stele_model::{CursorCommand, Error, Now, Outcome};
impl Store {
    pub(crate) fn cursor(&self, _: Now, _: &Caller, _: CursorCommand) -> Answer {
        Answer::Ready { lsn: crate::journal::Lsn(0), outcome: Outcome::Failed(Error::NotAllowed("not yet")) }
    }
}
