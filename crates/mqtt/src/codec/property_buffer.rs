//! Building a list of properties for a packet that is about to be sent.

use super::properties::Properties;
use super::property::Property;
use thiserror::Error;

/// Properties under construction. Reuse one by [`clear`](Self::clear): it keeps its allocation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PropertyBuffer {
    bytes: Vec<u8>,
}

/// A property that no packet may carry: a text over 65,535 bytes or with U+0000, or a value that is out of range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the property's value is not allowed: {0}")]
pub struct PropertyRefused(&'static str);

impl PropertyBuffer {
    /// An empty list; does not allocate.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets all properties.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Appends one property. Whether the packet may carry it, and how often, is the caller's care.
    ///
    /// # Errors
    /// [`PropertyRefused`] when the value cannot be sent; the list is as it was.
    pub fn push(&mut self, property: Property<'_>) -> Result<(), PropertyRefused> {
        property.check_value().map_err(|violation| PropertyRefused(violation.text))?;
        if property.texts().iter().any(|text| text.contains('\0')) {
            return Err(PropertyRefused("U+0000 in a string (MQTT-1.5.4-2)"));
        }
        let start = self.bytes.len();
        property.write(&mut self.bytes).map_err(|_| {
            self.bytes.truncate(start);
            PropertyRefused("longer than 65,535 bytes (MQTT 5 §1.5.4)")
        })
    }

    /// Appends the properties of a received PUBLISH as a receiver may see them: in order, without the sender's
    /// topic alias (MQTT-3.1.2-26), and with `expiry_seconds` in place of the interval that was received
    /// (MQTT-3.3.2-6). A property that only a will has is dropped as well.
    pub fn extend_forwarded(&mut self, received: Properties<'_>, expiry_seconds: Option<u32>) {
        for property in received {
            let forwarded = match property {
                Property::TopicAlias(_)
                | Property::SubscriptionIdentifier(_)
                | Property::WillDelayInterval(_) => continue,
                Property::MessageExpiryInterval(received) => {
                    Property::MessageExpiryInterval(expiry_seconds.unwrap_or(received))
                }
                other => other,
            };
            self.push(forwarded).expect("a received property has passed the same rules");
        }
    }

    /// The list so far, to put into a packet.
    pub fn as_properties(&self) -> Properties<'_> {
        Properties::trusted(&self.bytes)
    }
}
