//! How each field type looks on the wire, in both directions.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;

use super::writer::count_u32;
use super::{Reader, WireError, Writer};

/// What a field's encoding depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// The API version.
    pub version: i16,
    /// Compact lengths and tagged fields (KIP-482).
    pub flexible: bool,
    /// Whether null may stand here at this version.
    pub nullable: bool,
}

/// A type with an encoding, the same for requests and responses, for peers and for us.
pub trait Wire<'a>: Sized {
    /// Fewest bytes that a value takes; it bounds how many of them a frame can hold.
    fn bytes_min(form: Form) -> usize;
    /// Takes a value from the front of `reader`.
    fn read(reader: &mut Reader<'a>, form: Form) -> Result<Self, WireError>;
    /// Appends the value.
    fn write(&self, writer: &mut Writer<'_>, form: Form);
}

/// A UUID, as topics have.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct Uuid(pub [u8; 16]);

impl Uuid {
    /// All zero: "no topic id".
    pub const ZERO: Self = Self([0; 16]);
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Record batches in a response: a slice of something, or shared pieces that are sent without a copy.
///
/// On the wire this is never null (librdkafka refuses null records); null is read as empty.
#[derive(Debug, Clone)]
pub enum RecordBytes<'a> {
    /// Borrowed bytes; what decoding yields.
    Slice(&'a [u8]),
    /// Pieces that follow one another.
    Pieces(Vec<Bytes>),
}

impl RecordBytes<'_> {
    /// Bytes in all.
    pub fn len(&self) -> usize {
        match self {
            Self::Slice(slice) => slice.len(),
            Self::Pieces(pieces) => pieces.iter().map(Bytes::len).sum(),
        }
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Default for RecordBytes<'_> {
    fn default() -> Self {
        Self::Slice(&[])
    }
}

impl PartialEq for RecordBytes<'_> {
    /// Equal bytes, however they are cut.
    fn eq(&self, other: &Self) -> bool {
        fn bytes<'s>(records: &'s RecordBytes<'_>) -> Box<dyn Iterator<Item = u8> + 's> {
            match records {
                RecordBytes::Slice(slice) => Box::new(slice.iter().copied()),
                RecordBytes::Pieces(pieces) => Box::new(pieces.iter().flatten().copied()),
            }
        }
        self.len() == other.len() && bytes(self).eq(bytes(other))
    }
}

macro_rules! integers {
    ($($int:ty)*) => {$(
        impl Wire<'_> for $int {
            fn bytes_min(_: Form) -> usize {
                size_of::<$int>()
            }

            fn read(reader: &mut Reader<'_>, _: Form) -> Result<Self, WireError> {
                reader.array().map(<$int>::from_be_bytes)
            }

            fn write(&self, writer: &mut Writer<'_>, _: Form) {
                writer.bytes(&self.to_be_bytes());
            }
        }
    )*};
}

integers!(i8 i16 i32 i64);

impl Wire<'_> for bool {
    fn bytes_min(_: Form) -> usize {
        1
    }

    fn read(reader: &mut Reader<'_>, _: Form) -> Result<Self, WireError> {
        reader.array().map(|[byte]| byte != 0)
    }

    fn write(&self, writer: &mut Writer<'_>, _: Form) {
        writer.bytes(&[u8::from(*self)]);
    }
}

impl Wire<'_> for Uuid {
    fn bytes_min(_: Form) -> usize {
        16
    }

    fn read(reader: &mut Reader<'_>, _: Form) -> Result<Self, WireError> {
        reader.uuid()
    }

    fn write(&self, writer: &mut Writer<'_>, _: Form) {
        writer.bytes(&self.0);
    }
}

impl<'a> Wire<'a> for Option<&'a str> {
    fn bytes_min(form: Form) -> usize {
        if form.flexible { 1 } else { 2 }
    }

    fn read(reader: &mut Reader<'a>, form: Form) -> Result<Self, WireError> {
        let length = match form.flexible {
            true => reader.compact_length()?,
            false => Reader::signed_length(reader.int16()?.into())?,
        };
        let Some(length) = length else { return null(form) };
        std::str::from_utf8(reader.bytes(length)?).map(Some).map_err(|_| WireError::Utf8)
    }

    fn write(&self, writer: &mut Writer<'_>, form: Form) {
        // A null that this version cannot say is written as empty.
        let text = if form.nullable { *self } else { Some(self.unwrap_or_default()) };
        // Longer strings than 32,767 bytes have no classic form; names and messages are cut at a character.
        let text = text.map(|text| if form.flexible { text } else { cut(text, i16::MAX as usize) });
        let length = text.map(str::len);
        match form.flexible {
            true => writer.compact_length(length),
            false => writer.bytes(&length.map_or(-1, |length| length as i16).to_be_bytes()),
        }
        writer.bytes(text.unwrap_or_default().as_bytes());
    }
}

impl<'a> Wire<'a> for Option<&'a [u8]> {
    fn bytes_min(form: Form) -> usize {
        array_bytes_min(form)
    }

    fn read(reader: &mut Reader<'a>, form: Form) -> Result<Self, WireError> {
        match read_length(reader, form)? {
            None => null(form),
            Some(length) => reader.bytes(length).map(Some),
        }
    }

    fn write(&self, writer: &mut Writer<'_>, form: Form) {
        let bytes = if form.nullable { *self } else { Some(self.unwrap_or_default()) };
        write_length(writer, form, bytes.map(<[u8]>::len));
        writer.bytes(bytes.unwrap_or_default());
    }
}

impl<'a> Wire<'a> for RecordBytes<'a> {
    fn bytes_min(form: Form) -> usize {
        array_bytes_min(form)
    }

    fn read(reader: &mut Reader<'a>, form: Form) -> Result<Self, WireError> {
        let length = read_length(reader, form)?.unwrap_or(0);
        reader.bytes(length).map(Self::Slice)
    }

    fn write(&self, writer: &mut Writer<'_>, form: Form) {
        write_length(writer, form, Some(self.len()));
        match self {
            Self::Slice(slice) => writer.bytes(slice),
            Self::Pieces(pieces) => pieces.iter().for_each(|piece| writer.shared(piece)),
        }
    }
}

impl<'a, T: Wire<'a>> Wire<'a> for Option<Vec<T>> {
    fn bytes_min(form: Form) -> usize {
        array_bytes_min(form)
    }

    fn read(reader: &mut Reader<'a>, form: Form) -> Result<Self, WireError> {
        let Some(count) = read_length(reader, form)? else { return null(form) };
        let element = Form { nullable: true, ..form };
        reader.grant(count, T::bytes_min(element), size_of::<T>())?;
        let mut array = Vec::with_capacity(count);
        for _ in 0..count {
            array.push(T::read(reader, element)?);
        }
        Ok(Some(array))
    }

    fn write(&self, writer: &mut Writer<'_>, form: Form) {
        match self {
            None if form.nullable => write_length(writer, form, None),
            None => write_length(writer, form, Some(0)),
            Some(array) => write_array(writer, form, array),
        }
    }
}

impl<'a, T: Wire<'a>> Wire<'a> for Vec<T> {
    fn bytes_min(form: Form) -> usize {
        array_bytes_min(form)
    }

    fn read(reader: &mut Reader<'a>, form: Form) -> Result<Self, WireError> {
        Option::<Self>::read(reader, Form { nullable: false, ..form })?.ok_or(WireError::Length)
    }

    fn write(&self, writer: &mut Writer<'_>, form: Form) {
        write_array(writer, form, self);
    }
}

/// Types whose null form is another type's business: they read and write as `Option<$inner>` without null.
macro_rules! never_null {
    ($($ty:ty, $inner:ty, $value:ident => $borrow:expr;)*) => {$(
        impl<'a> Wire<'a> for $ty {
            fn bytes_min(form: Form) -> usize {
                <Option<$inner>>::bytes_min(form)
            }

            fn read(reader: &mut Reader<'a>, form: Form) -> Result<Self, WireError> {
                let value = <Option<$inner>>::read(reader, Form { nullable: false, ..form })?;
                value.map(Into::into).ok_or(WireError::Length)
            }

            fn write(&self, writer: &mut Writer<'_>, form: Form) {
                let $value = self;
                Some($borrow).write(writer, form);
            }
        }
    )*};
}

never_null! {
    &'a str, &'a str, text => *text;
    Cow<'a, str>, &'a str, text => &**text;
    &'a [u8], &'a [u8], bytes => *bytes;
    Cow<'a, [u8]>, &'a [u8], bytes => &**bytes;
}

impl<'a> Wire<'a> for Option<Cow<'a, str>> {
    fn bytes_min(form: Form) -> usize {
        Option::<&str>::bytes_min(form)
    }

    fn read(reader: &mut Reader<'a>, form: Form) -> Result<Self, WireError> {
        Ok(Option::<&str>::read(reader, form)?.map(Cow::Borrowed))
    }

    fn write(&self, writer: &mut Writer<'_>, form: Form) {
        self.as_deref().write(writer, form);
    }
}

fn null<T>(form: Form) -> Result<Option<T>, WireError> {
    if form.nullable { Ok(None) } else { Err(WireError::Length) }
}

fn array_bytes_min(form: Form) -> usize {
    if form.flexible { 1 } else { 4 }
}

fn read_length(reader: &mut Reader<'_>, form: Form) -> Result<Option<usize>, WireError> {
    if form.flexible { reader.compact_length() } else { Reader::signed_length(reader.int32()?) }
}

fn write_length(writer: &mut Writer<'_>, form: Form, length: Option<usize>) {
    if form.flexible {
        writer.compact_length(length);
    } else {
        let length = length.map_or(-1, |length| count_u32(length).min(i32::MAX as u32) as i32);
        writer.bytes(&length.to_be_bytes());
    }
}

fn write_array<'a, T: Wire<'a>>(writer: &mut Writer<'_>, form: Form, array: &[T]) {
    write_length(writer, form, Some(array.len()));
    let element = Form { nullable: true, ..form };
    array.iter().for_each(|value| value.write(writer, element));
}

/// The longest front of `text` of at most `bytes_max` bytes.
fn cut(text: &str, bytes_max: usize) -> &str {
    let end = text.len().min(bytes_max);
    let end = (0..=end).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    &text[..end]
}
