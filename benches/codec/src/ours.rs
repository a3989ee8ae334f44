//! Reading and writing the samples with this crate.

pub mod read {
    use erlnode::term::Reader;
    use std::hint::black_box;

    fn list(bytes: &[u8], each: impl Fn(&mut Reader<'_>)) {
        let mut reader = Reader::new(bytes);
        let count = reader.list().expect("list");
        for _ in 0..count {
            each(&mut reader);
        }
        assert!(reader.nil());
        reader.finish().expect("end");
    }

    pub fn small(bytes: &[u8]) {
        list(bytes, |r| _ = black_box(r.i64().expect("integer")));
    }

    pub fn ints(bytes: &[u8]) {
        list(bytes, |r| _ = black_box(r.i64().expect("integer")));
    }

    pub fn bigs(bytes: &[u8]) {
        list(bytes, |r| _ = black_box(r.i64().expect("integer")));
    }

    pub fn floats(bytes: &[u8]) {
        list(bytes, |r| _ = black_box(r.f64().expect("float")));
    }

    pub fn atoms(bytes: &[u8]) {
        list(bytes, |r| _ = black_box(r.atom_bytes().expect("atom")));
    }

    pub fn binaries(bytes: &[u8]) {
        list(bytes, |r| _ = black_box(r.binary().expect("binary")));
    }

    pub fn pids(bytes: &[u8]) {
        list(bytes, |r| _ = black_box(&r.pid().expect("pid")));
    }

    pub fn rows(bytes: &[u8]) {
        list(bytes, |r| {
            assert!(r.tuple_of(5) && r.atom_is("user"));
            black_box(r.i64().expect("id"));
            black_box(r.binary().expect("name"));
            black_box(r.f64().expect("score"));
            black_box(r.atom_bytes().expect("state"));
        });
    }

    pub fn calls(bytes: &[u8]) {
        list(bytes, |r| {
            assert!(r.tuple_of(3) && r.atom_is("$gen_call") && r.tuple_of(2));
            black_box(&r.pid().expect("from"));
            assert_eq!(r.list(), Some(1));
            assert!(r.atom_is("alias"));
            black_box(&r.reference().expect("alias"));
            assert!(r.tuple_of(3) && r.atom_is("put"));
            black_box(r.binary().expect("key"));
            let pairs = r.map().expect("map");
            for _ in 0..pairs {
                let key = r.atom_bytes().expect("key");
                match &*key {
                    b"age" => _ = black_box(r.i64().expect("age")),
                    b"name" => _ = black_box(r.binary().expect("name")),
                    b"score" => _ = black_box(r.f64().expect("score")),
                    _ => {
                        for _ in 0..r.list().expect("tags") {
                            black_box(r.atom_bytes().expect("tag"));
                        }
                        assert!(r.nil());
                    }
                }
            }
        });
    }
}

pub mod write {
    use crate::data::{pid, reference};
    use erlnode::term::Writer;

    /// The writer is a local variable, as it is where a message is written.
    #[inline(always)]
    fn list(w: Writer, count: usize, each: impl Fn(&mut Writer, usize)) -> Writer {
        let mut w = Writer::append_to(w.into_buffer());
        w.list(count);
        for n in 0..count {
            each(&mut w, n);
        }
        w.nil();
        w
    }

    pub fn small(w: Writer, count: usize) -> Writer {
        list(w, count, |w, n| _ = w.i64((n % 256) as i64))
    }

    pub fn ints(w: Writer, count: usize) -> Writer {
        list(w, count, |w, n| _ = w.i64((n * 1000 + 256) as i64))
    }

    pub fn bigs(w: Writer, count: usize) -> Writer {
        list(w, count, |w, n| _ = w.i64(n as i64 + (1 << 40)))
    }

    pub fn floats(w: Writer, count: usize) -> Writer {
        list(w, count, |w, n| _ = w.f64(f64::from(n as u32)))
    }

    pub fn atoms(w: Writer, count: usize) -> Writer {
        list(w, count, |w, n| _ = w.atom(if n % 2 == 0 { "undefined" } else { "ok" }))
    }

    pub fn binaries(w: Writer, count: usize) -> Writer {
        list(w, count, |w, _| _ = w.binary(b"0123456789abcdef"))
    }

    pub fn pids(w: Writer, count: usize) -> Writer {
        let pid = pid();
        list(w, count, |w, _| _ = w.pid(&pid))
    }

    pub fn rows(w: Writer, count: usize) -> Writer {
        list(w, count, |w, n| {
            w.tuple(5).atom("user").i64(n as i64).binary(b"a name").f64(1.5).atom("active");
        })
    }

    pub fn calls(w: Writer, count: usize) -> Writer {
        let (pid, reference) = (pid(), reference());
        list(w, count, |w, n| {
            w.tuple(3).atom("$gen_call").tuple(2).pid(&pid).list(1).atom("alias").reference(&reference);
            w.tuple(3).atom("put").binary(b"user:42").map(4);
            w.atom("age").i64(n as i64).atom("name").binary(b"Alice").atom("score").f64(1.5);
            w.atom("tags").list(3).atom("a").atom("b").atom("c").nil();
        })
    }
}
