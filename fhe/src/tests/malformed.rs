//! What is no encryption of bits is refused; and if it were not, it would change a table by one person in one cell at most.

use super::*;

const CONTEXT: &[u8] = b"a batch";

fn plain() -> Vec<Plain> {
    (0..3).map(|person| Plain { band: person, value: 100 * u16::from(person) }).collect()
}

#[test]
fn a_list_holds_for_its_key_and_context_alone() {
    let _turn = turn();
    let public = &FIXTURE.public;
    let list = public.encrypt(&plain(), CONTEXT).unwrap();
    public.verify(&list, CONTEXT).unwrap();
    assert_eq!(public.verify(&list, b"another batch"), Err(FheError::ProofInvalid));
    let another = public.encrypt(&plain(), CONTEXT).unwrap();
    let borrowed = List { proof: another.proof.clone(), ..list.clone() };
    assert_eq!(public.verify(&borrowed, CONTEXT), Err(FheError::ProofInvalid));
    let mut changed = list.clone();
    changed.bodies[2][SLOTS - 1] ^= 1;
    assert_eq!(public.verify(&changed, CONTEXT), Err(FheError::ProofInvalid));
    let mut changed = list.clone();
    changed.mask[77] = changed.mask[77].wrapping_add(1 << SUM_LOG);
    assert_eq!(public.verify(&changed, CONTEXT), Err(FheError::ProofInvalid));
    let mut fewer = list.clone();
    fewer.bodies.pop();
    assert_eq!(public.verify(&fewer, CONTEXT), Err(FheError::ProofInvalid));
    // The same reference string with the key of another ceremony.
    let stranger = SecretKeys::generate(&CROSS_1).unwrap();
    let key = stranger.compact_key().unwrap();
    let other = PublicKey { key, ..public.clone() };
    assert_eq!(other.verify(&list, CONTEXT), Err(FheError::ProofInvalid));
}

#[test]
fn slots_that_hold_more_than_a_bit_are_refused() {
    let _turn = turn();
    let public = &FIXTURE.public;
    for slot in [0, SLOTS - 1] {
        // Two, and minus one: the padding bit of a sum.
        for value in [2u64, 511] {
            let mut slots = vec![1; SLOTS];
            slots[slot] = value;
            let proven = public.encrypt_slots(&slots, CONTEXT);
            assert!(proven.is_err() || public.verify(&proven.unwrap(), CONTEXT).is_err(), "{value} in slot {slot}");
        }
    }
    let mut random = StdRng::seed_from_u64(8);
    let mut list = public.encrypt(&plain(), CONTEXT).unwrap();
    let List { mask, bodies, .. } = &mut list;
    mask.iter_mut().chain(bodies.as_flattened_mut()).for_each(|word| *word = random.r#gen());
    assert_eq!(public.verify(&list, CONTEXT), Err(FheError::ProofInvalid));
}

#[test]
fn bytes_that_are_no_proof_are_refused() {
    let _turn = turn();
    let public = &FIXTURE.public;
    let list = public.encrypt(&plain(), CONTEXT).unwrap();
    let with = |proof: Vec<u8>| List { proof, ..list.clone() };
    let mut longer = list.proof.clone();
    longer.push(0);
    let mut random = StdRng::seed_from_u64(9);
    let noise: Vec<u8> = (0..list.proof.len()).map(|_| random.r#gen()).collect();
    for proof in [Vec::new(), list.proof[..40].to_vec(), longer, noise, vec![0xff; 10_000]] {
        assert!(matches!(public.verify(&with(proof), CONTEXT), Err(FheError::Malformed { .. })));
    }
    let mut accepted = 0;
    for position in (0..list.proof.len()).step_by(41) {
        let mut changed = list.proof.clone();
        changed[position] ^= 4;
        accepted += u32::from(public.verify(&with(changed), CONTEXT).is_ok());
    }
    assert_eq!(accepted, 0);
    for bodies in [Vec::new(), vec![[0; SLOTS]; LIST_CONTRIBUTIONS + 1]] {
        assert!(public.verify(&List { bodies, ..list.clone() }, CONTEXT).is_err());
    }
    assert!(public.verify(&List { mask: vec![0; 2_047], ..list.clone() }, CONTEXT).is_err());
    assert!(public.encrypt(&[], CONTEXT).is_err());
    assert!(public.encrypt(&vec![Plain { band: 0, value: 0 }; LIST_CONTRIBUTIONS + 1], CONTEXT).is_err());
    for plain in [Plain { band: 8, value: 0 }, Plain { band: 0, value: 4_096 }] {
        assert!(matches!(public.encrypt(&[plain], CONTEXT), Err(FheError::OutOfRange { .. })));
    }
}

#[test]
fn an_unchecked_input_changes_one_cell_by_one_person_at_most() {
    let _turn = turn();
    let shape = Shape::new(4, 4).unwrap();
    let keys = &FIXTURE.keys;
    let mut random = StdRng::seed_from_u64(10);
    let honest = FIXTURE.lists(&[Plain { band: 2, value: 0 }]);
    let rounds = if full() { 200 } else { 24 };
    for _ in 0..rounds {
        let mut list = honest.clone();
        let List { mask, bodies, .. } = &mut list[0];
        mask.iter_mut().chain(bodies.as_flattened_mut()).for_each(|word| *word = random.r#gen());
        let pair = Pair { row: sealed(&list, 0), column: sealed(&honest, 0) };
        let mut table = keys.empty_table(shape);
        keys.add_people(&mut table, shape, &[pair]);
        let phases = table.digits[0].iter().map(|cell| FIXTURE.secret.phase(cell));
        let changes: Vec<i64> = phases.map(|phase| i64::from(rounded(phase, SUM_LOG).cast_signed())).collect();
        // 9 bits at this scale: 511 is minus one, and 255 in a byte.
        let total: i64 = changes.iter().map(|change| change.abs()).sum();
        assert!(total <= 1, "{changes:?}");
    }
}
