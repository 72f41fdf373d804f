//! FIT files, byte by byte.

/// A field of a FIT message: number, base type, bytes.
pub(crate) type Field = (u8, u8, Vec<u8>);

/// A FIT file of these messages.
pub(crate) fn fit(messages: &[(u16, Vec<Field>)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (number, fields) in messages {
        body.extend([0x40, 0, 0]);
        body.extend(number.to_le_bytes());
        body.push(u8::try_from(fields.len()).unwrap());
        for (field, base, bytes) in fields {
            body.extend([*field, u8::try_from(bytes.len()).unwrap(), *base]);
        }
        body.push(0);
        fields.iter().for_each(|(_, _, bytes)| body.extend(bytes));
    }
    let mut file = vec![12, 0x20, 0, 0];
    file.extend(u32::try_from(body.len()).unwrap().to_le_bytes());
    file.extend(b".FIT");
    file.extend(body);
    let checksum = file.iter().fold(0_u16, |checksum, byte| {
        (0..8).fold(checksum ^ u16::from(*byte), |checksum, _| {
            if checksum & 1 == 1 { (checksum >> 1) ^ 0xa001 } else { checksum >> 1 }
        })
    });
    file.extend(checksum.to_le_bytes());
    file
}
