//! Every check can fail: a broker that is broken in its way is caught within a few seeds.

use stele_sim::{Check, Mutation, Plan, run};

/// A breakage that no seed of so many shows is not seen at all.
const SEEDS_MAX: u64 = 60;

/// Which check must see which breakage, at least.
const ROWS: &[(Mutation, Check)] = &[
    (Mutation::AckBeforeSync, Check::AckedRecovered),
    (Mutation::AckBeforeSync, Check::LastValue),
    (Mutation::SyncSkipped, Check::AckedRecovered),
    (Mutation::NewestBatchLost, Check::AckedRecovered),
    (Mutation::BatchLost, Check::Protocol),
    (Mutation::HeadLost, Check::Protocol),
    (Mutation::FetchSkips, Check::OffsetsRise),
    (Mutation::BytesChanged, Check::ContentStable),
    (Mutation::CursorMovesLost, Check::Redelivered),
    (Mutation::OffsetsLost, Check::FloorsRise),
    (Mutation::SessionDeltasLost, Check::SessionKept),
    (Mutation::MessageIdsIgnored, Check::NoDuplicates),
    (Mutation::ExpectationsIgnored, Check::CompareAndSet),
    (Mutation::ProducerIdsIgnored, Check::NoDuplicates),
    (Mutation::PacketIdsIgnored, Check::MqttQuality),
    (Mutation::Reordered, Check::PublisherOrder),
    (Mutation::DeliveriesSwallowed, Check::Redelivered),
    (Mutation::LiveFilesLost, Check::Protocol),
    (Mutation::CommitsStop, Check::Progress),
];

#[test]
fn every_breakage_is_seen() {
    let unseen: Vec<_> = ROWS.iter().filter(|(mutation, check)| !is_seen(*mutation, *check)).collect();
    assert!(unseen.is_empty(), "{unseen:?}");
}

#[test]
fn every_breakage_and_every_check_has_a_row() {
    for mutation in Mutation::ALL {
        assert!(ROWS.iter().any(|row| row.0 == *mutation), "{mutation:?}");
    }
    for check in Check::ALL {
        assert!(ROWS.iter().any(|row| row.1 == *check), "{check:?}");
    }
}

fn is_seen(mutation: Mutation, check: Check) -> bool {
    (0..SEEDS_MAX).any(|seed| {
        let violation = run(&Plan { seed, mutation }).violation;
        violation.is_some_and(|violation| violation.check == check)
    })
}
