use nacre_schemas::id::MemberId;

use super::*;

parameters! {
    /// Of a test.
    struct Wanted {
        /// In the path.
        path member as "member": MemberId,
        /// In the query.
        query from as "from": u64,
        /// In the query, or not.
        optional token as "_token": String,
    }
}

const TEMPLATE: &str = "/v1/members/{member}/things";

fn wanted(token: Option<&str>) -> Wanted {
    Wanted { member: "clinic.one".parse().unwrap(), from: 7, token: token.map(str::to_owned) }
}

fn read_back(address: &str) -> Result<Wanted, ParameterError> {
    let (path, query) = address.split_once('?').map_or((address, None), |(path, query)| (path, Some(query)));
    read(TEMPLATE, path, query)
}

#[test]
fn what_is_written_reads_back_whatever_its_characters() {
    for token in [None, Some("a b&c=d%20/?#"), Some("urn:x|健康+"), Some("")] {
        let address = write(TEMPLATE, &wanted(token)).unwrap();
        assert_eq!(read_back(&address), Ok(wanted(token)), "{address}");
    }
    assert_eq!(write(TEMPLATE, &wanted(Some("a b"))).unwrap(), "/v1/members/clinic.one/things?from=7&_token=a%20b");
}

#[test]
fn a_name_that_means_a_step_up_is_not_written() {
    for member in [".", ".."] {
        let up = Wanted { member: member.parse().unwrap(), ..wanted(None) };
        let refused = ParameterError::Unwritable { name: "member", value: member.to_owned() };
        assert_eq!(write(TEMPLATE, &up), Err(refused));
    }
    parameters! {
        /// Of the rest of a path.
        struct Tile {
            /// The rest.
            path name as "path": TileName,
        }
    }
    let tile = |name: &str| write("/tile/{*path}", &Tile { name: name.parse().unwrap() });
    assert_eq!(tile("0/x001/234.p/5").unwrap(), "/tile/0/x001/234.p/5");
    assert!(tile("../healthz").is_err() && tile("0//000").is_err());
    assert_eq!(read::<Tile>("/tile/{*path}", "/tile/0/x001/067", None).unwrap().name.as_str(), "0/x001/067");
}

#[test]
fn what_is_missing_unknown_twice_or_malformed_is_named() {
    for (address, error) in [
        ("/v1/members/clinic/things", ParameterError::Missing("from")),
        ("/v1/members/clinic/things?from=1&more=2", ParameterError::Unknown("more".to_owned())),
        ("/v1/members/clinic/things?from=1&member=2", ParameterError::Unknown("member".to_owned())),
        ("/v1/members/clinic/things?from=1&from=1", ParameterError::Twice("from".to_owned())),
        ("/v1/members/clinic/others?from=1", ParameterError::OtherPath(TEMPLATE)),
        ("/v1/members/clinic/things/more?from=1", ParameterError::OtherPath(TEMPLATE)),
        ("/v1/members/clinic?from=1", ParameterError::OtherPath(TEMPLATE)),
        (
            "/v1/members/%ff/things?from=1",
            ParameterError::Invalid { name: "member", reason: "this is not UTF-8".to_owned() },
        ),
    ] {
        assert_eq!(read_back(address), Err(error), "{address}");
    }
    for address in ["/v1/members/Clinic/things?from=1", "/v1/members/clinic/things?from=-1"] {
        assert!(matches!(read_back(address), Err(ParameterError::Invalid { .. })), "{address}");
    }
}
