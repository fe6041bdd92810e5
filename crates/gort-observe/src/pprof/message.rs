//! The messages of `profile.proto`, field for field, as far as they are written here.

/// A profile. The string table begins with the empty string; the others name strings by their place in it.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Profile {
    /// What the values of each sample are.
    #[prost(message, repeated, tag = "1")]
    pub sample_type: Vec<ValueType>,
    /// The samples.
    #[prost(message, repeated, tag = "2")]
    pub sample: Vec<Sample>,
    /// Loaded objects.
    #[prost(message, repeated, tag = "3")]
    pub mapping: Vec<Mapping>,
    /// Addresses.
    #[prost(message, repeated, tag = "4")]
    pub location: Vec<Location>,
    /// Functions.
    #[prost(message, repeated, tag = "5")]
    pub function: Vec<Function>,
    /// Strings.
    #[prost(string, repeated, tag = "6")]
    pub string_table: Vec<String>,
    /// When it was taken, nanoseconds since 1970.
    #[prost(int64, tag = "9")]
    pub time_nanos: i64,
    /// What lies between two samples.
    #[prost(message, optional, tag = "11")]
    pub period_type: Option<ValueType>,
    /// How much of it.
    #[prost(int64, tag = "12")]
    pub period: i64,
    /// The value that is shown first, a string.
    #[prost(int64, tag = "14")]
    pub default_sample_type: i64,
}

/// A kind of value.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct ValueType {
    /// A string: what.
    #[prost(int64, tag = "1")]
    pub r#type: i64,
    /// A string: in which unit.
    #[prost(int64, tag = "2")]
    pub unit: i64,
}

/// A stack and its values.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Sample {
    /// Ids of locations, innermost first.
    #[prost(uint64, repeated, tag = "1")]
    pub location_id: Vec<u64>,
    /// One for each of the sample types.
    #[prost(int64, repeated, tag = "2")]
    pub value: Vec<i64>,
    /// More about it.
    #[prost(message, repeated, tag = "3")]
    pub label: Vec<Label>,
}

/// A word about a sample.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct Label {
    /// A string.
    #[prost(int64, tag = "1")]
    pub key: i64,
    /// A number.
    #[prost(int64, tag = "3")]
    pub num: i64,
    /// A string: the number's unit.
    #[prost(int64, tag = "4")]
    pub num_unit: i64,
}

/// A loaded object.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct Mapping {
    /// Not 0.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// First address.
    #[prost(uint64, tag = "2")]
    pub memory_start: u64,
    /// One behind the last.
    #[prost(uint64, tag = "3")]
    pub memory_limit: u64,
    /// Where in the file it begins.
    #[prost(uint64, tag = "4")]
    pub file_offset: u64,
    /// A string: its path.
    #[prost(int64, tag = "5")]
    pub filename: i64,
    /// Its functions are named here.
    #[prost(bool, tag = "7")]
    pub has_functions: bool,
    /// So are its files.
    #[prost(bool, tag = "8")]
    pub has_filenames: bool,
    /// And lines.
    #[prost(bool, tag = "9")]
    pub has_line_numbers: bool,
    /// And functions that were inlined.
    #[prost(bool, tag = "10")]
    pub has_inline_frames: bool,
}

/// An address.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Location {
    /// Not 0.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// Id of its mapping, 0 if unknown.
    #[prost(uint64, tag = "2")]
    pub mapping_id: u64,
    /// The address.
    #[prost(uint64, tag = "3")]
    pub address: u64,
    /// Its functions, the innermost inlined one first.
    #[prost(message, repeated, tag = "4")]
    pub line: Vec<Line>,
}

/// A place in a function.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct Line {
    /// Id of the function.
    #[prost(uint64, tag = "1")]
    pub function_id: u64,
    /// Line in its file.
    #[prost(int64, tag = "2")]
    pub line: i64,
}

/// A function.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct Function {
    /// Not 0.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// A string: its name for people.
    #[prost(int64, tag = "2")]
    pub name: i64,
    /// A string: its name for the linker.
    #[prost(int64, tag = "3")]
    pub system_name: i64,
    /// A string: its file.
    #[prost(int64, tag = "4")]
    pub filename: i64,
}
