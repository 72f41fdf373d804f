//! Who the observations are about: the patients of all files and the provider's own register, by the one identifier
//! that names a person.
//!
//! Kept true: a person is the value of the identifier whose system is configured, never `Patient.id`, which each
//! server gives anew; all that Patient resources and the register say under one identifier is about one person, and
//! must not contradict itself; a reference that could mean two persons means none. A chain serves one region: who is
//! registered in another does not count on it. Cost: memory by the number of people.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::Hash,
};

use jiff::civil::Date;
use nacre_schemas::{cohort::Sex, id::Text, identity::IdentityNumber, region::Region};

use crate::{
    fhir::resource::Patient,
    found::Owner,
    identifier::PersonId,
    observation::Subject,
    position::{FilePosition, PersonPosition},
    refusal::Reason,
    register::Registered,
    time::{self, DateError, Effective},
};

/// A person whose observations can count.
#[derive(Clone)]
pub struct Person {
    /// The identifier that names the person.
    pub id: PersonId,
    /// Administrative sex.
    pub sex: Sex,
    /// The birth date, with its day.
    pub birth: Date,
    /// The earliest date of death that any file gives.
    pub death: Option<Effective>,
    /// The identity number, or why there is none that counts: it matters only where people are named by it.
    pub identity: Identity,
}

/// An identity number that counts, or why there is none.
pub type Identity = Result<IdentityNumber, Reason>;

/// What files and register say of a person so far.
struct Statement {
    id: PersonId,
    sex: Option<Sex>,
    birth: Option<Date>,
    /// The earliest that any file gives: sources differ in precision, so two are no contradiction.
    death: Option<Effective>,
    /// What all that gave one agree on, or the first thing wrong with it.
    identity: Option<Identity>,
    /// The first thing found wrong; it stands for good.
    problem: Option<Reason>,
}

/// Which person a reference means, or why none.
type Link = Result<PersonPosition, Reason>;

/// The people of all files and of the register.
pub struct People<'c> {
    person_system: &'c str,
    identity_systems: &'c [Text<256>],
    statements: Vec<Statement>,
    by_identifier: HashMap<PersonId, PersonPosition>,
    by_id: HashMap<String, Link>,
    /// By file and `fullUrl`: such names hold within their Bundle only.
    by_url: HashMap<(FilePosition, String), Link>,
}

impl<'c> People<'c> {
    /// Nobody yet; a person is told by identifiers of the first system, and has an identity number by the first of the
    /// others that it has an identifier of.
    pub fn new(person_system: &'c str, identity_systems: &'c [Text<256>]) -> Self {
        Self {
            person_system,
            identity_systems,
            statements: Vec::new(),
            by_identifier: HashMap::new(),
            by_id: HashMap::new(),
            by_url: HashMap::new(),
        }
    }

    /// Takes a person of the register of a provider in that region.
    pub(crate) fn enroll(&mut self, person: Registered, home: Region) {
        let position = self.position(person.id);
        let statement = &mut self.statements[position.0];
        let heard = person.sex.map_or(Ok(()), |sex| statement.hear_sex(sex));
        let heard = heard.and_then(|()| statement.hear_birth(person.birth));
        let elsewhere = person.region.is_some_and(|region| region != home);
        let heard = heard.and(if elsewhere { Err(Reason::OtherRegion) } else { Ok(()) });
        statement.problem = statement.problem.or(heard.err());
        if let Some(number) = person.identity {
            statement.hear_identity(Ok(number));
        }
    }

    /// Takes what a file that is all of one person says of the person.
    pub(crate) fn hear_of_owner(&mut self, owner: &Owner) {
        let position = self.position(owner.person.clone());
        let statement = &mut self.statements[position.0];
        let heard = owner.sex.map_or(Ok(()), |sex| statement.hear_sex(sex));
        let heard = heard.and_then(|()| owner.birth.map_or(Ok(()), |birth| statement.hear_birth(birth)));
        statement.problem = statement.problem.or(heard.err());
    }

    /// Takes a patient found in the file of that position.
    pub fn add(&mut self, file: FilePosition, full_url: Option<&str>, patient: Patient) {
        let link = self.hear_of(&patient);
        if let Some(url) = full_url {
            join(&mut self.by_url, (file, url.to_owned()), link);
        }
        if let Some(id) = patient.id {
            join(&mut self.by_id, id, link);
        }
    }

    /// Has a reference in the file of that position mean a person who is known already. Nothing is heard of the person if
    /// something was before.
    pub fn recall(&mut self, file: FilePosition, reference: &str, person: Person) {
        let is_new = !self.by_identifier.contains_key(&person.id);
        let position = self.position(person.id);
        if is_new {
            let statement = &mut self.statements[position.0];
            (statement.sex, statement.birth) = (Some(person.sex), Some(person.birth));
            (statement.death, statement.identity) = (person.death, Some(person.identity));
        }
        join(&mut self.by_url, (file, reference.to_owned()), Ok(position));
    }

    /// Has a reference in the file of that position mean the person at that one.
    pub fn link(&mut self, file: FilePosition, reference: &str, person: PersonPosition) {
        join(&mut self.by_url, (file, reference.to_owned()), Ok(person));
    }

    fn hear_of(&mut self, patient: &Patient) -> Link {
        let position = self.position(self.person_id(patient)?);
        let identity = self.identity(patient);
        let statement = &mut self.statements[position.0];
        statement.hear(patient);
        if let Some(identity) = identity {
            statement.hear_identity(identity);
        }
        Ok(position)
    }

    /// The patient's identity number, if it has one.
    fn identity(&self, patient: &Patient) -> Option<Identity> {
        let of_system = |system: &Text<256>| {
            let found = patient.identifier.iter().filter(|found| found.system.as_deref() == Some(system.as_str()));
            let mut numbers = found
                .filter_map(|found| found.value.as_deref())
                .map(|value| value.parse().map_err(Reason::of_identity));
            let first: Identity = numbers.next()?;
            Some(if numbers.all(|other| other == first) { first } else { Err(Reason::ContradictoryIdentity) })
        };
        self.identity_systems.iter().find_map(of_system)
    }

    /// The position of the person of that identifier, who may be new.
    fn position(&mut self, id: PersonId) -> PersonPosition {
        *self.by_identifier.entry(id).or_insert_with_key(|id| {
            self.statements.push(Statement::new(id.clone()));
            PersonPosition(self.statements.len() - 1)
        })
    }

    fn person_id(&self, patient: &Patient) -> Result<PersonId, Reason> {
        let of_system = patient.identifier.iter().filter(|found| found.system.as_deref() == Some(self.person_system));
        let mut values = of_system.filter_map(|found| found.value.as_deref());
        let first = values.next().ok_or(Reason::NoPersonIdentifier)?;
        if values.any(|other| other != first) {
            return Err(Reason::SeveralPersonIdentifiers);
        }
        PersonId::new(first)
    }

    /// The position of the person that a subject in that file means.
    pub fn find(&self, file: FilePosition, subject: &Subject<'_>) -> Result<PersonPosition, Reason> {
        match subject {
            Subject::Person(person) => self.by_identifier.get(person).copied().ok_or(Reason::UnknownPatient),
            Subject::Reference(reference) => self.referenced(file, reference),
        }
    }

    fn referenced(&self, file: FilePosition, reference: &str) -> Link {
        if let Some(link) = self.by_url.get(&(file, reference.to_owned())) {
            return *link;
        }
        let id = patient_id(reference).ok_or(Reason::UnknownPatient)?;
        *self.by_id.get(id).unwrap_or(&Err(Reason::UnknownPatient))
    }

    /// The person at that position, once everybody is known.
    pub fn person(&self, position: PersonPosition) -> Result<Person, Reason> {
        let statement = &self.statements[position.0];
        if let Some(problem) = statement.problem {
            return Err(problem);
        }
        let birth = statement.birth.ok_or(Reason::NoBirthDate)?;
        Ok(Person {
            id: statement.id.clone(),
            sex: statement.sex.unwrap_or(Sex::Unknown),
            birth,
            death: statement.death,
            identity: statement.identity.clone().unwrap_or(Err(Reason::NoIdentityNumber)),
        })
    }
}

impl Statement {
    fn new(id: PersonId) -> Self {
        Self { id, sex: None, birth: None, death: None, identity: None, problem: None }
    }

    fn hear_identity(&mut self, identity: Identity) {
        let agreed = match self.identity.take() {
            Some(Ok(before)) if identity.as_ref().is_ok_and(|now| *now != before) => Err(Reason::ContradictoryIdentity),
            Some(Err(before)) => Err(before),
            Some(Ok(_)) | None => identity,
        };
        self.identity = Some(agreed);
    }

    fn hear(&mut self, patient: &Patient) {
        let heard = self.hear_gender(patient).and_then(|()| self.hear_birth_date(patient));
        let heard = heard.and_then(|()| self.hear_death(patient));
        self.problem = self.problem.or(heard.err());
    }

    fn hear_gender(&mut self, patient: &Patient) -> Result<(), Reason> {
        let Some(gender) = &patient.gender else { return Ok(()) };
        self.hear_sex(gender.parse().map_err(|_| Reason::UnknownGender)?)
    }

    fn hear_birth_date(&mut self, patient: &Patient) -> Result<(), Reason> {
        let Some(text) = &patient.birth_date else { return Ok(()) };
        self.hear_birth(time::date_with_day(text).map_err(|error| match error {
            DateError::NoDay => Reason::BirthDateWithoutDay,
            _ => Reason::InvalidBirthDate,
        })?)
    }

    fn hear_sex(&mut self, sex: Sex) -> Result<(), Reason> {
        if *self.sex.get_or_insert(sex) == sex { Ok(()) } else { Err(Reason::ContradictoryPatient) }
    }

    fn hear_birth(&mut self, birth: Date) -> Result<(), Reason> {
        if *self.birth.get_or_insert(birth) == birth { Ok(()) } else { Err(Reason::ContradictoryPatient) }
    }

    fn hear_death(&mut self, patient: &Patient) -> Result<(), Reason> {
        let Some(text) = &patient.deceased_date_time else { return Ok(()) };
        let death = time::latest_moment(text).map_err(|_| Reason::InvalidDeathDate)?;
        if self.death.is_none_or(|known| time::is_after(known, death)) {
            self.death = Some(death);
        }
        Ok(())
    }
}

/// A name that is given twice means what both mean, if that is the same.
fn join<K: Eq + Hash>(names: &mut HashMap<K, Link>, name: K, link: Link) {
    match names.entry(name) {
        Entry::Vacant(free) => {
            free.insert(link);
        }
        Entry::Occupied(mut taken) if *taken.get() != link => {
            *taken.get_mut() = Err(Reason::AmbiguousPatient);
        }
        Entry::Occupied(_) => {}
    }
}

/// The id in `Patient/id`, relative or absolute, with or without a version.
pub fn patient_id(reference: &str) -> Option<&str> {
    let unversioned = reference.split_once("/_history/").map_or(reference, |(before, _)| before);
    let (before, id) = unversioned.rsplit_once('/')?;
    let is_patient = before == "Patient" || before.ends_with("/Patient");
    (is_patient && !id.is_empty()).then_some(id)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::identifier::MAX_IDENTIFIER_BYTES;

    pub(crate) fn person_named(identifier: &str) -> PersonId {
        PersonId::new(identifier).unwrap()
    }

    fn to(reference: &str) -> Subject<'_> {
        Subject::Reference(reference.into())
    }

    fn by_identifier(identifier: &str) -> Subject<'static> {
        Subject::Person(person_named(identifier))
    }

    fn registered(id: &str, sex: Option<Sex>, birth: &str, region: Option<&str>) -> Registered {
        let region = region.map(|region| region.parse().unwrap());
        Registered { id: person_named(id), sex, birth: birth.parse().unwrap(), region, identity: None }
    }

    fn home() -> Region {
        "440100".parse().unwrap()
    }

    fn patient(json: serde_json::Value) -> Patient {
        serde_json::from_value(json).unwrap()
    }

    fn person(id: &str, value: &str, gender: &str, birth: &str) -> Patient {
        patient(serde_json::json!({
            "id": id, "gender": gender, "birthDate": birth,
            "identifier": [{"system": "urn:other", "value": "x"}, {"system": "urn:person", "value": value}],
        }))
    }

    #[test]
    fn a_reference_is_followed_in_each_of_its_forms() {
        let mut people = People::new("urn:person", &[]);
        people.add(FilePosition(0), Some("urn:uuid:1"), person("a", "A", "female", "1980-01-02"));
        for reference in ["urn:uuid:1", "Patient/a", "https://example.org/fhir/Patient/a", "Patient/a/_history/2"] {
            assert_eq!(people.find(FilePosition(0), &to(reference)), Ok(PersonPosition(0)), "{reference}");
        }
        for reference in ["urn:uuid:2", "Patient/b", "Group/a", "#a", "Patient/", "a", "NotPatient/a"] {
            assert_eq!(people.find(FilePosition(0), &to(reference)), Err(Reason::UnknownPatient), "{reference}");
        }
        assert_eq!(
            people.find(FilePosition(1), &to("urn:uuid:1")),
            Err(Reason::UnknownPatient),
            "another Bundle's fullUrl"
        );
        let found = people.person(PersonPosition(0)).unwrap();
        assert_eq!((found.sex, found.birth.to_string().as_str()), (Sex::Female, "1980-01-02"));
        assert_eq!(format!("{:?}", found.id), "PersonId(…)");
    }

    #[test]
    fn the_identifier_names_the_person_and_not_the_resources_id() {
        let mut people = People::new("urn:person", &[]);
        people.add(FilePosition(0), None, person("a", "A", "male", "1980-01-02"));
        people.add(FilePosition(1), None, person("b", "A", "male", "1980-01-02"));
        assert_eq!(people.find(FilePosition(0), &to("Patient/a")), people.find(FilePosition(0), &to("Patient/b")));
        people.add(FilePosition(1), None, person("a", "B", "male", "1980-01-02"));
        assert_eq!(people.find(FilePosition(0), &to("Patient/a")), Err(Reason::AmbiguousPatient));
        people.add(
            FilePosition(0),
            None,
            patient(serde_json::json!({"id": "c", "identifier": [{"system": "urn:other", "value": "A"}]})),
        );
        assert_eq!(people.find(FilePosition(0), &to("Patient/c")), Err(Reason::NoPersonIdentifier));
        let two = serde_json::json!([{"system": "urn:person", "value": "C"}, {"system": "urn:person", "value": "D"}]);
        people.add(FilePosition(0), None, patient(serde_json::json!({"id": "d", "identifier": two})));
        assert_eq!(people.find(FilePosition(0), &to("Patient/d")), Err(Reason::SeveralPersonIdentifiers));
        for value in [" ".to_owned(), "x".repeat(MAX_IDENTIFIER_BYTES + 1), "a\nb".to_owned()] {
            people.add(FilePosition(0), None, person("e", &value, "male", "1980-01-02"));
            assert_eq!(people.find(FilePosition(0), &to("Patient/e")), Err(Reason::UnusablePersonIdentifier));
        }
    }

    #[test]
    fn a_person_who_is_described_twice_must_be_described_alike() {
        let cases = [
            (person("a", "A", "male", "1980-01-02"), None),
            (patient(serde_json::json!({"id": "a", "identifier": [{"system": "urn:person", "value": "A"}]})), None),
            (person("a", "A", "female", "1980-01-02"), Some(Reason::ContradictoryPatient)),
            (person("a", "A", "male", "1980-01-03"), Some(Reason::ContradictoryPatient)),
            (person("a", "A", "M", "1980-01-02"), Some(Reason::UnknownGender)),
            (person("a", "A", "male", "1980-01"), Some(Reason::BirthDateWithoutDay)),
            (person("a", "A", "male", "2 January 1980"), Some(Reason::InvalidBirthDate)),
        ];
        for (second, expected) in cases {
            let mut people = People::new("urn:person", &[]);
            people.add(FilePosition(0), None, person("a", "A", "male", "1980-01-02"));
            people.add(FilePosition(1), None, second);
            assert_eq!(people.person(PersonPosition(0)).err(), expected);
        }
    }

    #[test]
    fn without_gender_the_sex_is_unknown_and_without_a_birth_date_nothing_counts() {
        let mut people = People::new("urn:person", &[]);
        let identifier = serde_json::json!([{"system": "urn:person", "value": "A"}]);
        people.add(FilePosition(0), None, patient(serde_json::json!({"id": "a", "identifier": identifier})));
        assert_eq!(people.person(PersonPosition(0)).err(), Some(Reason::NoBirthDate));
        people.add(
            FilePosition(0),
            None,
            patient(serde_json::json!({"id": "a", "identifier": identifier, "birthDate": "1980-01-02"})),
        );
        assert_eq!(people.person(PersonPosition(0)).unwrap().sex, Sex::Unknown);
    }

    #[test]
    fn the_register_and_the_files_name_the_same_person_by_the_same_identifier() {
        let mut people = People::new("urn:person", &[]);
        people.enroll(registered("A", Some(Sex::Female), "1980-01-02", Some("440100")), home());
        people.enroll(registered("B", None, "1990-01-02", None), home());
        people.add(FilePosition(0), None, person("a", "A", "female", "1980-01-02"));
        let identifier = serde_json::json!([{"system": "urn:person", "value": "B"}]);
        people.add(
            FilePosition(0),
            None,
            patient(serde_json::json!({"id": "b", "gender": "male", "identifier": identifier})),
        );
        for (id, identifier, sex) in [("Patient/a", "A", Sex::Female), ("Patient/b", "B", Sex::Male)] {
            let position = people.find(FilePosition(0), &by_identifier(identifier)).unwrap();
            assert_eq!(people.find(FilePosition(0), &to(id)), Ok(position));
            assert_eq!(people.person(position).unwrap().sex, sex);
        }
        assert_eq!(people.find(FilePosition(0), &by_identifier("C")), Err(Reason::UnknownPatient));
    }

    #[test]
    fn whom_register_and_files_contradict_each_other_on_or_who_lives_elsewhere_does_not_count() {
        for (entry, expected) in [
            (registered("A", Some(Sex::Male), "1980-01-02", None), Reason::ContradictoryPatient),
            (registered("A", Some(Sex::Female), "1980-01-03", None), Reason::ContradictoryPatient),
            (registered("A", None, "1980-01-02", Some("810000")), Reason::OtherRegion),
        ] {
            let mut people = People::new("urn:person", &[]);
            people.enroll(entry, home());
            people.add(FilePosition(0), None, person("a", "A", "female", "1980-01-02"));
            assert_eq!(people.person(PersonPosition(0)).err(), Some(expected));
        }
    }

    const SYSTEMS: [&str; 2] = ["urn:mainland", "urn:hong-kong"];

    /// What comes of a patient who has these identifiers beside that of a person, and of that entry of the register.
    fn identity_of(patients: &[&[(&str, &str)]], register: Option<&str>) -> Identity {
        let systems = SYSTEMS.map(|system| system.parse().unwrap());
        let mut people = People::new("urn:person", &systems);
        let all = patients.iter().map(|identifiers| {
            let own = [&[("urn:person", "A")], *identifiers].concat();
            let own = own.iter().map(|(system, value)| serde_json::json!({"system": system, "value": value}));
            patient(serde_json::json!({"birthDate": "1980-01-02", "identifier": own.collect::<Vec<_>>()}))
        });
        all.for_each(|patient| people.add(FilePosition(0), None, patient));
        if let Some(number) = register {
            let entry = registered("A", None, "1980-01-02", None);
            people.enroll(Registered { identity: Some(number.parse().unwrap()), ..entry }, home());
        }
        people.person(PersonPosition(0)).unwrap().identity
    }

    #[test]
    fn an_identity_number_is_that_of_the_first_system_listed_or_of_the_register() {
        let (mainland, card) = ("11010519491231002X", "A123456(3)");
        let number = |text: &str| Ok(text.parse().unwrap());
        type Patients<'c> = &'c [&'c [(&'c str, &'c str)]];
        let cases: [(Patients<'_>, Option<&str>, Identity); 10] = [
            (&[&[]], None, Err(Reason::NoIdentityNumber)),
            (&[&[("urn:other", card)]], None, Err(Reason::NoIdentityNumber)),
            (&[&[("urn:hong-kong", card)]], None, number(card)),
            (&[&[("urn:hong-kong", card), ("urn:mainland", mainland)]], None, number(mainland)),
            (&[&[]], Some(card), number(card)),
            (&[&[("urn:hong-kong", "a1234563")]], Some(card), number(card)),
            (&[&[], &[("urn:hong-kong", card)]], None, number(card)),
            (&[&[("urn:mainland", mainland)]], Some(card), Err(Reason::ContradictoryIdentity)),
            (&[&[("urn:mainland", "110105194912310021")]], None, Err(Reason::IdentityNumberCheck)),
            (
                &[&[("urn:mainland", mainland), ("urn:mainland", "440524188001010014")]],
                None,
                Err(Reason::ContradictoryIdentity),
            ),
        ];
        for (patients, register, expected) in cases {
            assert_eq!(identity_of(patients, register), expected, "{patients:?} {register:?}");
        }
        assert_eq!(identity_of(&[&[("urn:mainland", "x")]], Some(card)), Err(Reason::IdentityNumberForm));
    }
}
