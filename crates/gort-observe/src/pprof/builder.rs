//! A profile under construction: strings, functions, locations and mappings that are written once and named by number.

use super::message::{Function, Line, Location, Mapping, Profile, Sample, ValueType};
use super::symbol::{Frame, Symbols, is_allocator};
use std::collections::HashMap;

/// Part of the address space with a file behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Object {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) offset: u64,
    pub(super) path: String,
}

/// The executable mappings of files, as `/proc/self/maps` lists them.
pub(super) fn objects(maps: &str) -> Vec<Object> {
    let parse = |line: &str| {
        let mut words = line.splitn(6, ' ').map(str::trim);
        let (from, to) = words.next()?.split_once('-')?;
        let executable = words.next()?.contains('x');
        let offset = words.next()?;
        let path = words.nth(2).unwrap_or_default();
        let hex = |s| u64::from_str_radix(s, 16).ok();
        (executable && path.starts_with('/')).then_some(())?;
        Some(Object { from: hex(from)?, to: hex(to)?, offset: hex(offset)?, path: path.to_owned() })
    };
    maps.lines().filter_map(parse).collect()
}

#[derive(Debug)]
pub(super) struct Builder {
    profile: Profile,
    strings: HashMap<String, i64>,
    functions: HashMap<(i64, i64), u64>,
    locations: HashMap<usize, u64>,
    objects: Vec<Object>,
    symbols: Symbols,
}

impl Builder {
    pub(super) fn new(objects: Vec<Object>) -> Self {
        let mut this = Self {
            profile: Profile::default(),
            strings: HashMap::new(),
            functions: HashMap::new(),
            locations: HashMap::new(),
            objects,
            symbols: Symbols::default(),
        };
        this.string(""); // By the format the first one.
        for i in 0..this.objects.len() {
            let Object { from, to, offset, path } = this.objects[i].clone();
            let filename = this.string(&path);
            this.profile.mapping.push(Mapping {
                id: i as u64 + 1,
                memory_start: from,
                memory_limit: to,
                file_offset: offset,
                filename,
                has_functions: true,
                has_filenames: true,
                has_line_numbers: true,
                has_inline_frames: true,
            });
        }
        this
    }

    /// Number of a string.
    pub(super) fn string(&mut self, text: &str) -> i64 {
        if let Some(n) = self.strings.get(text) {
            return *n;
        }
        let n = self.profile.string_table.len() as i64;
        self.profile.string_table.push(text.to_owned());
        self.strings.insert(text.to_owned(), n);
        n
    }

    pub(super) fn value(&mut self, what: &str, unit: &str) -> ValueType {
        ValueType { r#type: self.string(what), unit: self.string(unit) }
    }

    fn function(&mut self, frame: &Frame) -> u64 {
        let (name, file) = (self.string(&frame.name), self.string(&frame.file));
        if let Some(id) = self.functions.get(&(name, file)) {
            return *id;
        }
        let id = self.profile.function.len() as u64 + 1;
        let system_name = self.string(&frame.system_name);
        self.profile.function.push(Function { id, name, system_name, filename: file });
        self.functions.insert((name, file), id);
        id
    }

    fn location(&mut self, address: usize) -> u64 {
        if let Some(id) = self.locations.get(&address) {
            return *id;
        }
        let frames = self.symbols.at(address).to_vec();
        // Of the allocator's functions that were inlined here the caller knows as little as of those that were not.
        let from = frames.iter().position(|f| !is_allocator(&f.name)).unwrap_or(0);
        let line = frames[from..]
            .iter()
            .map(|f| Line { function_id: self.function(f), line: i64::from(f.line) })
            .collect();
        let at = address as u64;
        let object = self.objects.iter().position(|o| (o.from..o.to).contains(&at));
        let id = self.profile.location.len() as u64 + 1;
        self.profile.location.push(Location {
            id,
            mapping_id: object.map_or(0, |i| i as u64 + 1),
            address: at,
            line,
        });
        self.locations.insert(address, id);
        id
    }

    /// The stack without the allocator's own frames at its beginning; all of it if it has no others.
    fn callers<'a>(&mut self, stack: &'a [usize]) -> &'a [usize] {
        let own = |symbols: &mut Symbols, at| symbols.at(at).iter().all(|f| is_allocator(&f.name));
        let from = stack.iter().position(|at| !own(&mut self.symbols, *at)).unwrap_or(0);
        &stack[from..]
    }

    pub(super) fn sample(&mut self, stack: &[usize], value: Vec<i64>) -> &mut Sample {
        let callers = self.callers(stack);
        let location_id = callers.iter().map(|at| self.location(*at)).collect();
        self.profile.sample.push(Sample { location_id, value, label: Vec::new() });
        let last = self.profile.sample.len() - 1;
        &mut self.profile.sample[last]
    }

    pub(super) fn profile(&mut self) -> &mut Profile {
        &mut self.profile
    }

    pub(super) fn finish(self) -> Profile {
        self.profile
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAPS: &str = "\
555555554000-555555574000 r--p 00000000 08:01 1234                       /usr/bin/a b
555555574000-5555556f4000 r-xp 00020000 08:01 1234                       /usr/bin/a b
7ffff7ff9000-7ffff7ffd000 r--p 00000000 00:00 0                          [vvar]
7ffff7ffd000-7ffff7fff000 r-xp 00000000 00:00 0                          [vdso]
7ffff7fff000-7ffff8000000 rw-p 00000000 00:00 0
";

    #[test]
    fn executable_mappings_of_files() {
        let found = objects(MAPS);
        let want = Object {
            from: 0x5555_5557_4000,
            to: 0x5555_556f_4000,
            offset: 0x20000,
            path: "/usr/bin/a b".into(),
        };
        assert_eq!(found, [want]);
    }

    #[test]
    fn things_are_written_once() {
        let mut b = Builder::new(objects(MAPS));
        let (one, two) = (0x5555_5557_4001, 0x5555_5557_4002);
        b.sample(&[one, two], vec![1]);
        b.sample(&[two], vec![2]);
        let p = b.finish();
        assert_eq!(p.string_table[0], "");
        assert_eq!((p.sample.len(), p.location.len(), p.mapping.len()), (2, 2, 1));
        assert_eq!(p.sample[0].location_id[1], p.sample[1].location_id[0]);
        assert!(p.location.iter().all(|l| l.mapping_id == 1));
        let mut strings = p.string_table.clone();
        strings.sort();
        strings.dedup();
        assert_eq!(strings.len(), p.string_table.len());
    }
}
