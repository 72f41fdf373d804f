//! A first walk through the cross lane.

use std::time::Instant;

use nacre_fhe::{crosstab::*, keys::*, list::*, params::*};

fn sealed(list: &List, i: usize) -> Sealed<'_> {
    Sealed { mask: &list.mask, bodies: &list.bodies[i], position: i }
}

#[test]
fn walk() {
    let t = Instant::now();
    let secret = SecretKeys::generate(&CROSS_1).unwrap();
    let public = secret.public_key().unwrap();
    println!("public key {:?}", t.elapsed());
    let t = Instant::now();
    let seeded = secret.evaluation_keys(vec![0; 4096]).unwrap();
    println!("evaluation keys {:?}", t.elapsed());
    let t = Instant::now();
    let keys = seeded.load();
    println!("load {:?}", t.elapsed());
    let plain: Vec<Plain> = (0..64).map(|i| Plain { band: (i % 4) as u8, value: (i * 61 % 4096) as u16 }).collect();
    let t = Instant::now();
    let list = public.encrypt(&plain, b"one").unwrap();
    println!("encrypt {:?}, proof {} bytes", t.elapsed(), list.proof.len());
    let t = Instant::now();
    public.verify(&list, b"one").unwrap();
    println!("verify {:?}", t.elapsed());
    assert!(public.verify(&list, b"two").is_err());
    let other: Vec<Plain> = (0..64).map(|i| Plain { band: (i * i % 4) as u8, value: 5 }).collect();
    let list2 = public.encrypt(&other, b"two").unwrap();
    let people: Vec<Pair> = (0..64).map(|i| Pair { row: sealed(&list, i), column: sealed(&list2, i) }).collect();
    let shape = Shape::new(4, 4).unwrap();
    let mut table = keys.empty_table(shape);
    let t = Instant::now();
    keys.add_people(&mut table, shape, &people);
    println!("64 people {:?}", t.elapsed());
    let t = Instant::now();
    table.normalize(&keys);
    println!("normalize {:?} digits {}", t.elapsed(), table.digits.len());
    let t = Instant::now();
    let below = keys.below(&table, 5);
    let suppressed = keys.suppress(&table, &below);
    println!("suppress {:?}", t.elapsed());
    let t = Instant::now();
    let squashed = keys.squash(&suppressed);
    let shared = secret.shared();
    println!("squash {:?}", t.elapsed());
    let mut truth = vec![0; 16];
    for i in 0..64 {
        truth[(plain[i].band * 4 + other[i].band) as usize] += 1;
    }
    let mut got = vec![0u128; 16];
    for (p, cells) in squashed.iter().enumerate() {
        for (c, d) in cells.iter().enumerate() {
            let phase = d
                .get_mask()
                .as_ref()
                .iter()
                .zip(&shared)
                .fold(*d.get_body().data, |p, (a, s)| p.wrapping_sub(a.wrapping_mul(*s)));
            let digit = phase.wrapping_add(1 << 122) >> 123;
            let err = phase.wrapping_sub(digit << 123) as i128;
            if p == 0 {
                print!("{:.1} ", (err.unsigned_abs() as f64).log2());
            }
            got[c] += digit << (4 * p);
        }
    }
    println!("{truth:?} {got:?}");
}
