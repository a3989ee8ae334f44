//! Random bytes, random nodes and random histories against the pure part.

use erlnode::proto::epmd::*;
use proptest::prelude::*;
use std::collections::HashMap;

fn node() -> impl Strategy<Value = NodeInfo> {
    let extra = prop::collection::vec(any::<u8>(), 0..1100);
    (".{0,300}", any::<(u16, u8, u8, u16, u16)>(), extra).prop_map(
        |(alive, (port, node_type, protocol, highest, lowest), extra)| NodeInfo {
            alive,
            port,
            node_type,
            protocol,
            highest,
            lowest,
            extra,
        },
    )
}

proptest! {
    #[test]
    fn any_bytes_are_an_answer_an_error_or_incomplete(bytes in prop::collection::vec(any::<u8>(), 0..200), code in any::<u8>()) {
        let likely = [&[code], &bytes[..]].concat();
        for received in [&bytes, &likely] {
            let _ = (parse_alive2(received), parse_port2(received), parse_names(received), split_request(received));
            let mut server = Server::new(1);
            let _ = server.answer(received, || true, 0, 0);
            prop_assert!(server.registered() <= 1);
        }
    }

    #[test]
    fn a_damaged_reply_is_never_longer_than_what_was_received(node in node(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let node = if node.fits() { node } else { NodeInfo::new("a", 1) };
        let mut reply = Vec::new();
        write_port2(&mut reply, Some(&node));
        let at = at.index(reply.len());
        reply[at] = byte;
        if let Ok(Some(Port2Reply::Known(read))) = parse_port2(&reply) {
            prop_assert!(read.alive.len() + read.extra.len() + 14 <= reply.len());
        }
    }

    #[test]
    fn every_node_that_fits_survives_both_directions_and_no_other_is_written(node in node()) {
        match Request::alive2(&node) {
            None => prop_assert!(!node.fits()),
            Some(bytes) => {
                prop_assert!(node.fits() && bytes.len() <= 2 + MAX_BODY);
                prop_assert_eq!(Request::parse(&bytes[2..]), Ok(Request::Alive2(Alive2::Fits(node.clone()))));
                let mut reply = Vec::new();
                write_port2(&mut reply, Some(&node));
                prop_assert_eq!(parse_port2(&reply), Ok(Some(Port2Reply::Known(node))));
            }
        }
    }

    #[test]
    fn the_table_agrees_with_a_plain_map(steps in prop::collection::vec((0..6usize, any::<bool>(), 0..50u32), 0..200)) {
        let mut table = Table::new(1);
        let mut living: HashMap<usize, Granted> = HashMap::new();
        let mut latest: HashMap<usize, u32> = HashMap::new();
        for (name, come, now) in steps {
            if come {
                let answer = table.register(NodeInfo::new(name.to_string(), 1), now, 0);
                match living.get(&name) {
                    Some(_) => prop_assert_eq!(answer, Err(Refusal::InUse)),
                    None => {
                        let granted = answer.unwrap();
                        let expected = latest.get(&name).map_or(now + 1, |creation| creation + 1).max(4);
                        prop_assert_eq!(granted.creation, expected);
                        latest.insert(name, expected);
                        living.insert(name, granted);
                    }
                }
            } else if let Some(granted) = living.remove(&name) {
                table.unregister(granted.token);
            }
            prop_assert_eq!(table.len(), living.len());
            prop_assert_eq!(table.lookup(&name.to_string()).is_some(), living.contains_key(&name));
            prop_assert_eq!(parse_names(&table.names()).unwrap().len(), living.len());
        }
    }
}
