//! Topics that go, and come again under the same name.

use super::*;
use bytes::Bytes;
use stele_model::batch::BatchBuilder;

fn one_record() -> Bytes {
    let mut out = Vec::new();
    let mut builder = BatchBuilder::new(&mut out, 0);
    builder.push(1, None, Some(b"v"), []).unwrap();
    builder.finish().unwrap();
    out.into()
}

#[test]
fn another_topic_of_the_name_gets_nothing_meant_for_the_first() {
    let mut world = World::new();
    let first = world.create(spec("t", &["t"])).id;
    world.stream(StreamCommand::Delete(StreamName::new("t"))).unwrap();
    let second = world.create(spec("t", &["t"])).id;
    for (id, found) in [(first, false), (second, true)] {
        let (stream, id) = (StreamName::new("t"), Some(id));
        let batch = AppendedBatch { stream: stream.clone(), id, partition: 0, batch: one_record() };
        let Ok(Outcome::Appended(reply)) = world.now(Request::Append(Append { batches: vec![batch] })) else {
            panic!("no answer")
        };
        assert_eq!(reply.batches[0].is_ok(), found);
        let part = ReadPart { stream, id, partition: 0, from: 0, bytes_max: 1 };
        let (bytes_min, bytes_max, deadline_ns, isolation) = (0, 1, 0, Isolation::Uncommitted);
        let read = Read { parts: vec![part], bytes_min, bytes_max, deadline_ns, isolation };
        let Ok(Outcome::Read(reply)) = world.now(Request::Read(read)) else { panic!("no answer") };
        assert_eq!(reply.parts[0].error.is_none(), found);
    }
}
