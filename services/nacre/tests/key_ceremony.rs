//! A network founded by the commands of `docs/key-ceremony.md`, on hosts of their own: two jurisdictions generate their
//! keys, a trust root is assembled and endorsed, a lost custodian is replaced, and what was encrypted before opens after.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use curve25519_dalek::{
    constants::RISTRETTO_BASEPOINT_POINT as B,
    ristretto::{CompressedRistretto, RistrettoPoint},
    scalar::Scalar,
};
use nacre_access::key::AccessKey;
use nacre_custodian::{Config, Custodian};
use nacre_hosting::{secret, trust};
use nacre_ledger::signing::SigningKey;
use nacre_schemas::{Digest, Point, answer::CustodianId};
use nacre_verifier::Network;
use nacre_zk::{
    elgamal::value_base,
    pseudonym::{Blinding, Keys, PseudonymError, evaluate},
    share::{self, SecretShare},
};
use rand::rngs::OsRng;
use zeroize::Zeroizing;

const VALUE: u64 = 1_234;

/// A folder with a folder for each host in it.
struct Hosts(tempfile::TempDir);

impl Hosts {
    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    /// Runs a command in the folder of all hosts; gives its JSON.
    fn run(&self, arguments: &str) -> serde_json::Value {
        let output = self.command(arguments);
        assert!(output.status.success(), "nacre {arguments}\n{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Runs a command that fails; gives what it says.
    fn fails(&self, arguments: &str) -> String {
        let output = self.command(arguments);
        assert_eq!(output.status.code(), Some(1), "nacre {arguments}");
        String::from_utf8(output.stderr).unwrap()
    }

    fn command(&self, arguments: &str) -> std::process::Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nacre"));
        command.arg("--json").args(arguments.split(' ')).current_dir(self.0.path()).output().unwrap()
    }

    /// Makes the custodians' keys and a roster.
    fn roster(&self, hosts: &[String], file: &str) {
        let mut roster = String::new();
        for (host, number) in hosts.iter().zip(1..) {
            fs::create_dir_all(self.at(host)).unwrap();
            let key = self.run(&format!("custodian key {host}/signing.hex"));
            roster += &format!("[[custodian]]\nnumber = {number}\nname = \"{host}\"\nsigning-key = {key}\n");
        }
        fs::write(self.at(file), roster).unwrap();
    }

    /// Brings everything that went out in a ceremony to everyone's `in`.
    fn carry(&self, hosts: &[String], ceremony: &str) {
        for (from, to) in hosts.iter().flat_map(|from| hosts.iter().map(move |to| (from, to))) {
            if from != to {
                for entry in fs::read_dir(self.at(&format!("{from}/{ceremony}/out"))).unwrap() {
                    let entry = entry.unwrap();
                    let target = self.at(&format!("{to}/{ceremony}/in")).join(entry.file_name());
                    fs::copy(entry.path(), target).unwrap();
                }
            }
        }
    }

    /// A file of the first host's, in everyone's folder of that name.
    fn copy(&self, source: &str, hosts: &[String], target: &str) {
        for host in hosts {
            let target = self.at(&format!("{host}/{target}"));
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            if target != self.at(source) {
                fs::copy(self.at(source), target).unwrap();
            }
        }
    }

    /// Runs the steps of a ceremony of that kind that was started in that folder of the first host's.
    fn ceremony(&self, hosts: &[String], (kind, folder): (&str, &str), digest: &str, round_1: impl Fn(&str) -> String) {
        self.copy(&format!("{}/{folder}/ceremony.toml", hosts[0]), hosts, &format!("{folder}/ceremony.toml"));
        let step = |step: &str| {
            for host in hosts {
                self.run(&format!("custodian {kind} {step} {host}/{folder} --key {host}/signing.hex"));
            }
            self.carry(hosts, folder);
        };
        for host in hosts {
            let more = round_1(host);
            let digest = &digest[..16];
            self.run(&format!(
                "custodian {kind} round1 {host}/{folder} --key {host}/signing.hex --digest {digest}{more}"
            ));
        }
        self.carry(hosts, folder);
        step("round2");
        step("finish");
        for host in hosts {
            let done = self.run(&format!("custodian {kind} finish {host}/{folder} --key {host}/signing.hex"));
            assert_eq!(done["waiting"], serde_json::json!([]));
        }
    }

    /// Endorses `root` as a jurisdiction: its signers, by host and number, and the ceremonies their shares are of.
    fn endorse(
        &self,
        jurisdiction: &str,
        signers: &[(String, u16)],
        (ceremony, pseudonyms): (&str, &str),
        root: &str,
        digest: &str,
    ) {
        let hosts: Vec<String> = signers.iter().map(|(host, _)| host.clone()).collect();
        let numbers: Vec<String> = signers.iter().map(|(_, number)| number.to_string()).collect();
        let numbers = numbers.join(",");
        self.copy(&format!("{root}/root.toml"), &hosts, &format!("{root}/root.toml"));
        let own = |host: &str| {
            let ceremonies = format!("--ceremony {host}/{ceremony} --pseudonyms {host}/{pseudonyms}");
            format!("{host}/{root} --key {host}/signing.hex {ceremonies}")
        };
        for host in &hosts {
            self.run(&format!("custodian endorse commit {} --digest {digest}", own(host)));
        }
        self.carry(&hosts, root);
        for host in &hosts {
            self.run(&format!("custodian endorse sign {} --signers {numbers}", own(host)));
        }
        self.carry(&hosts, root);
        let first = &hosts[0];
        self.run(&format!(
            "custodian endorse aggregate {first}/{root} --jurisdiction {jurisdiction} --signers {numbers}"
        ));
        let name = format!("{jurisdiction}.endorsement.json");
        fs::create_dir_all(self.at(&format!("{root}/in"))).unwrap();
        fs::copy(self.at(&format!("{first}/{root}/{name}")), self.at(&format!("{root}/in/{name}"))).unwrap();
    }

    fn network(&self, file: &str) -> Network {
        trust::read(&self.at(file)).unwrap()
    }
}

fn hosts(jurisdiction: &str, count: u16) -> Vec<String> {
    (1..=count).map(|number| format!("{jurisdiction}-{number}")).collect()
}

fn quorum(hosts: &[String], numbers: &[u16]) -> Vec<(String, u16)> {
    numbers.iter().map(|number| (hosts[usize::from(*number) - 1].clone(), *number)).collect()
}

/// The pseudonym of somebody, by these shares of the pseudonyms' key, in files.
fn pseudonym(network: &Network, shares: &[(&str, u16, PathBuf)]) -> Result<Digest, PseudonymError> {
    let keys = Keys::of(network.root()).unwrap().unwrap();
    let somebody = vec![Zeroizing::new(b"somebody".to_vec())];
    let blinding = Blinding::new(&"hospital".parse().unwrap(), somebody, &mut OsRng)?;
    let mut parts = Vec::new();
    for (jurisdiction, number, file) in shares {
        let custodian = CustodianId { jurisdiction: jurisdiction.parse().unwrap(), number: *number };
        let secret = SecretShare::from_bytes(&secret::read::<32>(file).unwrap()).unwrap();
        let part = evaluate(&secret, blinding.request(), &custodian, &mut OsRng)?;
        parts.push(keys.check(blinding.request(), &custodian, &part)?);
    }
    Ok(blinding.finish(&keys, &parts)?[0])
}

/// A ciphertext of [`VALUE`] under the collective key.
fn encrypted(network: &Network) -> (Point, Point) {
    let encode = |point: RistrettoPoint| Point(point.compress().to_bytes());
    let key = CompressedRistretto(*network.key().bytes().as_bytes()).decompress().unwrap();
    let r = Scalar::random(&mut OsRng);
    (encode(r * B), encode(Scalar::from(VALUE) * value_base() + r * key))
}

/// Whether these shares, in files, open the ciphertext; each is checked against what the network states of its custodian.
fn opens(network: &Network, (d, c): &(Point, Point), shares: &[(&str, u16, PathBuf)]) -> bool {
    let request = Digest::of(b"request");
    let mut answers = Vec::new();
    for (jurisdiction, number, file) in shares {
        let custodian = CustodianId { jurisdiction: jurisdiction.parse().unwrap(), number: *number };
        let secret = SecretShare::from_bytes(&secret::read::<32>(file).unwrap()).unwrap();
        let answer = share::answer(&secret, &request, &custodian, d, &mut OsRng).unwrap();
        let known = network.root().custodian(&custodian).unwrap();
        if share::verify(&answer, &request, &custodian, &known.verifying_share).is_err() {
            return false;
        }
        answers.push((custodian, answer));
    }
    share::combine(c, &answers).unwrap().is(VALUE)
}

fn description(hosts: &Hosts, guangdong: &str, macao: &str) -> String {
    let key = || SigningKey::generate().unwrap().public();
    let chain = |id: &str, region: &str| {
        format!(
            "[[chains]]\nid = \"{id}\"\njurisdiction = \"guangdong\"\n{region}parents = []\nsigning_key = \"{}\"\nwitnesses = []\n",
            key()
        )
    };
    let authority = |host: &str| hosts.run(&format!("custodian key {host}.authority.hex"));
    format!(
        "network = \"gba.nacre.example\"\nminimum-people = 11\n\
         [[jurisdiction]]\nid = \"guangdong\"\nauthority-key = {}\n{guangdong}\
         [[jurisdiction]]\nid = \"macao\"\nauthority-key = {}\n{macao}{}{}",
        authority("guangdong"),
        authority("macao"),
        chain("main/health", ""),
        chain("region/440100", "region = \"440100\"\n"),
    )
}

/// Whether a server of this custodian starts.
fn serves(home: &Path, trust: &Path, number: u16, share: &Path, key: &Path) -> Result<(), String> {
    fs::create_dir_all(home.join("members")).unwrap();
    if !home.join("access.pem").exists() {
        secret::write_text(&home.join("access.pem"), &AccessKey::generate().unwrap().to_pem()).unwrap();
    }
    let config = home.join("custodian.toml");
    let text = format!(
        "server.listen = \"127.0.0.1:0\"\nurl = \"http://127.0.0.1:1\"\ndata = \"data-{number}\"\ntrust = {trust:?}\n\
         members = \"members\"\nmember = \"custodian\"\njurisdiction = \"guangdong\"\nnumber = {number}\nshare = {share:?}\n\
         signing-key = {key:?}\naccess-key = \"access.pem\"\n[exchanges]\n\"main/health\" = \"http://127.0.0.1:9\"\n\
         \"region/440100\" = \"http://127.0.0.1:9\"\n"
    );
    fs::write(&config, text).unwrap();
    Custodian::open(&Config::read(&config).unwrap()).map(drop).map_err(|error| error.to_string())
}

#[test]
fn a_network_is_founded_and_a_lost_custodian_replaced() {
    let place = Hosts(tempfile::tempdir().unwrap());
    let (guangdong, macao) = (hosts("guangdong", 5), hosts("macao", 3));
    for (jurisdiction, hosts, threshold) in [("guangdong", &guangdong, 3), ("macao", &macao, 2)] {
        place.roster(hosts, &format!("{jurisdiction}.toml"));
        let started = place.run(&format!(
            "custodian dkg start {}/dkg --jurisdiction {jurisdiction} --threshold {threshold} --roster {jurisdiction}.toml",
            hosts[0]
        ));
        let digest = started["digest"].as_str().unwrap();
        let own = format!("{0}/dkg --key {0}/signing.hex", hosts[0]);
        let error = place.fails(&format!("custodian dkg round1 {own} --digest 0123456789abcdef"));
        assert!(error.contains("compare ceremony.toml"), "{error}");
        place.ceremony(hosts, ("dkg", "dkg"), digest, |_| String::new());
        let started = place.run(&format!(
            "custodian dkg start {}/names --jurisdiction {jurisdiction} --purpose pseudonyms --threshold {threshold} \
             --roster {jurisdiction}.toml",
            hosts[0]
        ));
        place.ceremony(hosts, ("dkg", "names"), started["digest"].as_str().unwrap(), |_| String::new());
    }
    let status = place.run("custodian dkg status guangdong-1/dkg");
    assert_eq!(status["participants"].as_array().unwrap().len(), 5);
    assert!(status["participants"].as_array().unwrap().iter().all(|of| of["round-1"] == true && of["result"] == true));

    let ceremonies = (
        "ceremony = \"guangdong-1/dkg\"\npseudonyms = \"guangdong-1/names\"\n",
        "ceremony = \"macao-1/dkg\"\npseudonyms = \"macao-1/names\"\n",
    );
    let network = description(&place, ceremonies.0, ceremonies.1);
    fs::write(place.at("network.toml"), &network).unwrap();
    let assembled = place.run("trust assemble network.toml --out root-1");
    let digest = assembled["digest"].as_str().unwrap();
    assert_eq!(place.run("trust show root-1/root.toml")["endorsed"], false);
    place.endorse("guangdong", &quorum(&guangdong, &[1, 2, 4]), ("dkg", "names"), "root-1", digest);
    let error = place.fails("trust finish root-1 --out trust-1.toml");
    assert!(error.contains("waiting for the endorsement of macao"), "{error}");
    place.endorse("macao", &quorum(&macao, &[1, 3]), ("dkg", "names"), "root-1", digest);
    assert_eq!(place.run("trust finish root-1 --out trust-1.toml")["endorsed"], true);
    assert_eq!(place.run("trust show trust-1.toml")["digest"], digest);

    let first = place.network("trust-1.toml");
    let ciphertext = encrypted(&first);
    let share = |host: &str, ceremony: &str| place.at(&format!("{host}/{ceremony}/share.hex"));
    let of_macao = [1, 2].map(|number| ("macao", number, share(&format!("macao-{number}"), "dkg")));
    let before = [1, 3, 5].map(|number| ("guangdong", number, share(&format!("guangdong-{number}"), "dkg")));
    assert!(opens(&first, &ciphertext, &[&of_macao[..], &before].concat()));
    let names_of_macao = [1, 3].map(|number| ("macao", number, share(&format!("macao-{number}"), "names")));
    let names = [1, 2, 5].map(|number| ("guangdong", number, share(&format!("guangdong-{number}"), "names")));
    let named = pseudonym(&first, &[&names_of_macao[..], &names].concat()).unwrap();

    // The third custodian of Guangdong is lost. A new host takes its number; 1, 2, 4 and 5 deal.
    let mut renewed = guangdong.clone();
    renewed[2] = "replacement".to_owned();
    place.roster(&renewed, "renewed.toml");
    let started = place.run(
        "custodian reshare start guangdong-1/reshare --trust trust-1.toml --jurisdiction guangdong --threshold 3 \
         --roster renewed.toml --dealers 1,2,4,5",
    );
    let reshared = started["digest"].as_str().unwrap();
    let old_share = |host: &str, ceremony: &str| {
        if host == "replacement" { String::new() } else { format!(" --share {host}/{ceremony}/share.hex") }
    };
    place.ceremony(&renewed, ("reshare", "reshare"), reshared, |host| old_share(host, "dkg"));
    let renewed_keys = "ceremony = \"guangdong-1/reshare\"\n";
    let rest = network.replacen(ceremonies.1, "", 1);
    fs::write(place.at("network-2.toml"), rest.replacen(ceremonies.0, renewed_keys, 1)).unwrap();
    let error = place.fails("trust assemble network-2.toml --previous trust-1.toml --out root-2");
    assert!(error.contains("takes a part of every jurisdiction"), "{error}");
    let started = place.run(
        "custodian reshare start guangdong-1/renames --trust trust-1.toml --jurisdiction guangdong --purpose pseudonyms \
         --threshold 3 --roster renewed.toml --dealers 1,2,4,5",
    );
    let renamed = started["digest"].as_str().unwrap();
    place.ceremony(&renewed, ("reshare", "renames"), renamed, |host| old_share(host, "names"));
    let renewed_keys = format!("{renewed_keys}pseudonyms = \"guangdong-1/renames\"\n");
    fs::write(place.at("network-2.toml"), rest.replacen(ceremonies.0, &renewed_keys, 1)).unwrap();
    let assembled = place.run("trust assemble network-2.toml --previous trust-1.toml --out root-2");
    let digest = assembled["digest"].as_str().unwrap();
    place.endorse("guangdong", &quorum(&renewed, &[3, 4, 5]), ("reshare", "renames"), "root-2", digest);
    place.endorse("macao", &quorum(&macao, &[2, 3]), ("dkg", "names"), "root-2", digest);
    place.run("trust finish root-2 --out trust-2.toml");

    let second = place.network("trust-2.toml");
    assert_eq!(second.key().bytes(), first.key().bytes());
    assert_eq!((second.root().serial, &second.root().earlier[..]), (2, &[first.digest()][..]));
    let after = [("replacement", 3), ("guangdong-1", 1), ("guangdong-5", 5)]
        .map(|(host, number)| ("guangdong", number, share(host, "reshare")));
    assert!(opens(&second, &ciphertext, &[&of_macao[..], &after].concat()));
    let renames = [("replacement", 3), ("guangdong-2", 2), ("guangdong-4", 4)]
        .map(|(host, number)| ("guangdong", number, share(host, "renames")));
    assert_eq!(pseudonym(&second, &[&names_of_macao[..], &renames].concat()), Ok(named));
    let error = pseudonym(&second, &[&names_of_macao[..], &renames[..2], &names[..1]].concat()).unwrap_err();
    assert!(matches!(error, PseudonymError::Proof(_)), "{error}");
    // An old share is no share of the new root's, nor a new one of the old root's.
    assert!(!opens(&second, &ciphertext, &[&of_macao[..], &after[..2], &before[2..]].concat()));
    assert!(!opens(&first, &ciphertext, &[&of_macao[..], &after].concat()));

    let home = place.at("serving");
    let (old, new) = (place.at("trust-1.toml"), place.at("trust-2.toml"));
    let key = place.at("replacement/signing.hex");
    assert_eq!(serves(&home, &new, 3, &share("replacement", "reshare"), &key), Ok(()));
    assert!(serves(&home, &old, 3, &share("replacement", "reshare"), &key).is_err());
    assert!(serves(&home, &new, 3, &share("guangdong-3", "dkg"), &place.at("guangdong-3/signing.hex")).is_err());
}
