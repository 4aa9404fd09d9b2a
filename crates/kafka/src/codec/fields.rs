//! The one description of a message, from which both directions follow.
//!
//! ```text
//! wire_struct! {
//!     /// What it is.
//!     pub struct Name<'a> {
//!         /// What the field is.
//!         field: Type [versions] null [versions] tag 0 = default,
//!     }
//! }
//! ```
//!
//! `[versions]` is any Rust range: `[..]`, `[4..]`, `[8..=10]`. `null` names the versions that can say null
//! where not all can that have the field; a tagged field can always. `tag` makes a tagged field (KIP-482), written only when it differs
//! from its default. A field that a version does not have reads as its default and is not written.

use std::ops::RangeBounds;

/// Whether `version` lies in `range`.
pub(super) fn has(range: impl RangeBounds<i16>, version: i16) -> bool {
    range.contains(&version)
}

macro_rules! wire_struct {
    ($(#[$meta:meta])* pub struct $name:ident<$lt:lifetime> { $($fields:tt)* }) => {
        wire_struct! { @define [$(#[$meta])*] $name [<$lt>] $lt { $($fields)* } }
    };
    ($(#[$meta:meta])* pub struct $name:ident { $($fields:tt)* }) => {
        wire_struct! { @define [$(#[$meta])*] $name [] 'a { $($fields)* } }
    };
    (@define [$($meta:tt)*] $name:ident [$($generics:tt)*] $lt:lifetime { $(
        $(#[$doc:meta])*
        $field:ident: $ty:ty [$versions:expr] $(null [$null:expr])? $(tag $tag:literal)? $(= $default:expr)?,
    )* }) => {
        $($meta)*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name $($generics)* { $( $(#[$doc])* pub $field: $ty, )* }

        impl $($generics)* Default for $name $($generics)* {
            fn default() -> Self {
                Self { $( $field: wire_struct!(@default $($default)?), )* }
            }
        }

        impl<$lt> $crate::codec::Wire<$lt> for $name $($generics)* {
            fn bytes_min(form: $crate::codec::Form) -> usize {
                let mut bytes = usize::from(form.flexible);
                $( wire_struct!(@min bytes, form, $ty, [$versions] [$($tag)?]); )*
                bytes
            }

            #[allow(unused_variables, reason = "messages without fields or tags use less")]
            fn read(
                reader: &mut $crate::codec::Reader<$lt>,
                form: $crate::codec::Form,
            ) -> Result<Self, $crate::codec::WireError> {
                #[allow(unused_mut, reason = "a message without fields changes nothing")]
                let mut value = Self::default();
                $( wire_struct!(@read value.$field, reader, form, [$versions] [$($null)?] [$($tag)?]); )*
                if form.flexible {
                    reader.tagged_fields(|tag, reader| {
                        match tag {
                            $($(
                                $tag if $crate::codec::fields::has($versions, form.version) => {
                                    let form = wire_struct!(@form form []);
                                    value.$field = $crate::codec::Wire::read(reader, form)?;
                                }
                            )?)*
                            _ => {}
                        }
                        Ok(())
                    })?;
                }
                Ok(value)
            }

            #[allow(unused_mut, unused_variables, reason = "messages without tags count to zero")]
            fn write(&self, writer: &mut $crate::codec::Writer<'_>, form: $crate::codec::Form) {
                $( wire_struct!(@write self.$field, writer, form, [$versions] [$($null)?] [$($tag)?]); )*
                if form.flexible {
                    let mut count = 0;
                    let unset = Self::default();
                    $($(
                        let _ = $tag;
                        count += u32::from(
                            $crate::codec::fields::has($versions, form.version) && self.$field != unset.$field,
                        );
                    )?)*
                    writer.unsigned_varint(count);
                    $($(
                        if $crate::codec::fields::has($versions, form.version) && self.$field != unset.$field {
                            let form = wire_struct!(@form form []);
                            writer.tagged_field($tag, |writer| {
                                $crate::codec::Wire::write(&self.$field, writer, form);
                            });
                        }
                    )?)*
                }
            }
        }

        #[cfg(test)]
        impl $($generics)* $crate::codec::tests::Sample for $name $($generics)* {
            #[allow(unused_mut, unused_variables, reason = "a message may have no fields")]
            fn sample(seed: &mut $crate::codec::tests::Seed, form: $crate::codec::Form) -> Self {
                let mut value = Self::default();
                $(
                    if $crate::codec::fields::has($versions, form.version) {
                        let form = wire_struct!(@form form [$($null)?]);
                        value.$field = $crate::codec::tests::Sample::sample(seed, form);
                    }
                )*
                value
            }
        }
    };
    (@default) => { Default::default() };
    (@default $default:expr) => { $default };
    (@form $form:ident []) => { $crate::codec::Form { nullable: true, ..$form } };
    (@form $form:ident [$null:expr]) => {
        $crate::codec::Form { nullable: $crate::codec::fields::has($null, $form.version), ..$form }
    };
    (@min $bytes:ident, $form:ident, $ty:ty, [$versions:expr] [$tag:literal]) => {};
    (@min $bytes:ident, $form:ident, $ty:ty, [$versions:expr] []) => {
        if $crate::codec::fields::has($versions, $form.version) {
            $bytes += <$ty as $crate::codec::Wire<'_>>::bytes_min($form);
        }
    };
    (@read $place:expr, $reader:ident, $form:ident, [$versions:expr] [$($null:expr)?] [$tag:literal]) => {};
    (@read $place:expr, $reader:ident, $form:ident, [$versions:expr] [$($null:expr)?] []) => {
        if $crate::codec::fields::has($versions, $form.version) {
            let form = wire_struct!(@form $form [$($null)?]);
            $place = $crate::codec::Wire::read($reader, form)?;
        }
    };
    (@write $place:expr, $writer:ident, $form:ident, [$versions:expr] [$($null:expr)?] [$tag:literal]) => {};
    (@write $place:expr, $writer:ident, $form:ident, [$versions:expr] [$($null:expr)?] []) => {
        if $crate::codec::fields::has($versions, $form.version) {
            let form = wire_struct!(@form $form [$($null)?]);
            $crate::codec::Wire::write(&$place, $writer, form);
        }
    };
}

pub(super) use wire_struct;
