# Texts for people. A text of several lines has one sentence a line.
# The words are those of docs/glossary.md. Every language's file has the same keys with the same variables.

## Lists, groups, months

list-between = {", "}
list-last = { $first } and { $last }
group-between = {", "}
group-all = everyone
age-band = aged { $from } to { $to }
age-band-top = aged { $from } and over
month = { $month ->
    [1] January
    [2] February
    [3] March
    [4] April
    [5] May
    [6] June
    [7] July
    [8] August
    [9] September
    [10] October
    [11] November
   *[12] December
} { $year }
sex-female = female
sex-male = male
sex-other = other sex
sex-unknown = sex unknown

## Measures

measure-active-energy = Energy spent in activity a day
measure-blood-pressure-class = Class of blood pressure, the worse of systolic and diastolic
measure-bmi = Body mass index
measure-body-fat = Body fat
measure-body-height = Body height
measure-body-weight = Body weight
measure-diastolic-bp = Diastolic blood pressure
measure-fasting-glucose = Fasting glucose
measure-glucose = Blood glucose, at any time
measure-hba1c = Glycated haemoglobin (HbA1c), NGSP
measure-heart-rate = Heart rate
measure-mvpa-minutes = Minutes of moderate or vigorous activity a week
measure-resting-heart-rate = Resting heart rate
measure-sleep-duration = Sleep a night
measure-steps = Steps a day
measure-systolic-bp = Systolic blood pressure
measure-total-cholesterol = Total cholesterol
measure-vo2max = Maximal oxygen uptake by body mass
unit-class = class
unit-steps-a-day = steps a day
unit-kilocalories-a-day = kcal a day
unit-a-minute = beats a minute
unit-minutes-a-week = minutes a week
unit-minutes = minutes

## Chains

chain-region = the chain of { $region }
chain-health = the main chain for health
chain-sport = the main chain for sport
chain-judicial = the judicial chain

## Disclosure rules: their names, and what they say

rule-too-few-people = too few people
rule-too-few-people-means = No provider has as many as k people in one month.
rule-dominance = dominance
rule-dominance-means = Without one provider, or without two, some people would be left, but fewer than k. A provider can subtract its own.
rule-too-few-people-for-detail = too few people for detail
rule-too-few-people-for-detail-means = Spreads and bands need three times k people.
rule-partition = partition rule
rule-partition-means = Subtracted from what was asked before, it would single out fewer than k people; or it was opened under another version of the measure.
rule-partition-for-detail = partition rule for detail
rule-partition-for-detail-means = Subtracted from what was asked before, it would show the spread or bands of fewer than three times k people.
rule-cross-lane = cross lane
rule-cross-lane-means = The cross lane answers about the same people: from its first month on, it alone does.

## Tables of results

table-group = group
table-records = records (n)
table-mean = mean, { $unit }
table-interval = 95 % interval
table-sd = standard deviation
table-people = people
interval = { $low } to { $high }
band-share = { $count } ({ $percent } %)
band-in-unit = { $band } { $unit }
withheld = withheld: { $rule }
quantity-count = records
quantity-sum = sum
quantity-squares = sum of squares
quantity-band = band { $number }
preview-open = shown
name-and-text = { $name }: { $text }

## nacre query

query-withheld = { $quantities ->
    [one] { $quantities } number is withheld by the disclosure rules:
   *[other] { $quantities } numbers are withheld by the disclosure rules:
}
query-release = The release is in { $file }. Anyone with the trust root can verify it.
preview-nothing = Nothing would be withheld.
preview-why = What would be withheld, and why:
preview-word = This is the word of custodian { $custodian }. Nothing was logged on a main chain, and nothing was opened.
cross-small-cells = Cells of fewer people than the network's minimum are not shown, and neither are empty ones.
cross-release = The release is in { $file }. Anyone with the trust root can verify the shares; an evaluator that kept the inputs can compute it again.

## Charts

chart-bars = Bars from { $low } to { $high } ({ $axis }).
chart-points = Points on an axis from { $low } to { $high } ({ $axis }). A line through a point is its 95 % interval.
chart-label = { $row }, { $series }
chart-value = { $label }: { $value }.
chart-axis-begins = { $axis }; the axis begins at { $low }

## The picture of the flow

flow-title = How a figure comes about
flow-providers = Hospitals and gyms
flow-providers-do =
    keep their own records;
    encrypt and prove values
flow-exchanges = Exchanges
flow-exchanges-do =
    keep the chains;
    see ciphertexts only
flow-witnesses = Witnesses
flow-witnesses-do =
    check every entry,
    then countersign
flow-readers = Anyone
flow-readers-do =
    verifies the figure offline,
    from one file
flow-regulator = Regulator
flow-regulator-do =
    asks, and publishes
    what was opened
flow-custodians = Custodians
flow-custodians-do =
    of three jurisdictions:
    check, then open or refuse
flow-step-1 = A hospital or a gym posts encrypted values, each with a proof that it lies in its measure's range.
flow-step-2 = Witnesses check what an exchange wrote down, and countersign it.
flow-step-3 = A regulator logs its question in public, and gets encrypted sums.
flow-step-4 = Custodians check the question by themselves. They open a sum if the disclosure rules allow it, and never a record.
flow-step-5 = The regulator publishes one file, from which anyone can verify the figure.

## The demo, step by step

step-people = People
step-network = Network
step-contributions = Contributions
step-sealing = Sealing
step-evidence = Evidence on one record
step-questions = Questions
step-frauds = Frauds
step-cross-lane = Cross lane
step-next = What to try next
site-hospital = hospital in { $region }
site-gym = gym in { $region }
demo-people =
    The demo invented { $people } people. { $known } of them left records in { $regions }, from { $from } to { $to }.
    { $hospitals } hospitals measured blood pressure and weight, and { $gyms } gyms counted steps.
demo-records = The records are FHIR R4 files in { $folder }.
demo-network =
    { $exchanges } exchanges, { $witnesses } witnesses and { $custodians } custodians run on this machine, and speak TLS.
    Each of Guangdong, Hong Kong and Macao has { $each } custodians. A sum opens only if { $threshold } of them agree in every one of the three.
    The demo dealt the keys by itself. In a real network the custodians make them together, and no one ever holds a whole key.
demo-evaluators = { $evaluators } evaluators compute the cross lane on ciphertexts.
demo-contributions =
    Each hospital and each gym leaves names behind, and keeps one value a person, measure and month.
    It encrypts each value, proves that it lies in its measure's range, and posts it to its exchange.
table-provider = provider
table-observations = observations in its files
table-contributions = contributions
table-seconds = seconds
table-refused = refused
chart-contributions = Contributions posted, by provider
demo-sealing =
    The exchanges closed the epoch. They added the contributions up in { $cells } cells: one for each measure, month, region, sex and age band.
    A cell is an encrypted sum. From now on nothing can be added to it or left out of it unnoticed.
demo-evidence =
    One record of the { $provider } was picked. It stands in { $chain }.
    That chain is anchored further up, in { $above }.
    The demo wrote the evidence into one file and checked it offline: { $checks } checks hold.
    The provider could show that file to a court.

## Questions

question-systolic-by-region-and-sex = Mean systolic blood pressure by region and sex, { $from } to { $to }
question-bmi-bands-by-sex = Underweight, normal weight, overweight and obesity by sex (WS/T 428), { $from } to { $to }
question-steps = Mean steps a day of people aged { $youngest } to { $oldest }, { $from } to { $to }
question-pressure-by-steps = Systolic blood pressure by steps a day, { $region }, { $month }: people whose steps a gym knows and whose pressure a hospital knows
axis-percent = percent of the group's records
axis-contributions = contributions
axis-people = people
table-truth = truth (only the demo knows it)
truth-mean = { $records } records, mean { $mean }
truth-bands = { $records } records: { $bands }
answer-nothing-withheld = Nothing is withheld.
answer-verified = The release was checked offline, from its file and the trust root alone: { $checks } checks hold, { $custodians } custodians gave shares.
answer-equal = Every number shown equals the truth.
answer-differs = A number shown DIFFERS from the truth.
answer-nothing-shown = No number was shown, so there is nothing to compare.
records-are = A record is one person's value of one month, so a person may have several records in a group.

## Why something was withheld

why-too-few-people =
    { $group }: withheld, because there are too few people.
    A figure needs { $minimum } people of one provider in one month. The most that a provider has here is { $largest }.
why-dominance-of-one =
    { $group }: withheld by the dominance rule.
    The providers have { $people } people in their fullest months. The largest provider could subtract its own people from the sum.
    What is left may be about { $left } people only. No figure may be about fewer than { $minimum }.
why-dominance-of-two =
    { $group }: withheld by the dominance rule.
    The providers have { $people } people in their fullest months. The two largest providers together could subtract their own people from the sum.
    What is left may be about { $left } people only. No figure may be about fewer than { $minimum }.
why-too-few-people-for-detail =
    { $group }: spread and bands are withheld, because there are too few people for detail.
    Detail needs { $minimum } people of one provider in one month. The most that a provider has here is { $largest }.
why-partition =
    { $group }: withheld by the partition rule.
    This answer and the answers before it, subtracted from each other, would single out fewer than { $minimum } people.
why-partition-for-detail =
    { $group }: spread and bands are withheld by the partition rule for detail.
    This answer and the answers before it, subtracted from each other, would show the detail of fewer than { $minimum } people.
why-cross-lane =
    { $group }: withheld, because the cross lane answers about the same people.
    The two answers, subtracted from each other, would single out the people that the cross lane does not match.
why-known = Custodians know how many people each provider has, and the demo knows it too. A regulator does not, and no release says it.

## Cross lane

cross-off =
    The cross lane is off. It gives statistics over what a hospital and a gym know of the same people.
    It is known to tell more than it should, up to one patient's exact value. It is off in every network unless the trust root has it.
    This command shows it, and what leaks:
cross-leaks = This is the cross lane, for invented data only. What is known to leak:
leak-invented-people = A provider that invents ten people can read a chosen patient's exact value out of an ordinary public answer.
leak-erasure = A question repeated after an erasure shows the erased value.
leak-copied-ciphertext = An exchange can copy one ciphertext under many names, and so have one person's value shown.
leak-custodian = One custodian can change a result unnoticed.
cross-counted =
    Three evaluators counted { $people } people on ciphertexts. Cells of fewer than { $minimum } people were set to zero under encryption.
    { $withheld } of { $cells } cells are not shown. The custodians' shares were verified.
cross-equal = Every cell shown equals the truth, and no cell that should be shown is missing.
cross-empty-or-small = empty, or too few people

## Frauds

demo-frauds = The demo committed three frauds itself, with real keys against the running network:
fraud-raised-sum = A published sum is raised by one, and all figures are made to fit.
fraud-raised-number = A published number is raised by one, and all figures are made to fit.
fraud-raised-caught = The custodians' shares open the sum to another number. Verification fails.
fraud-out-of-range = A hospital with an altered program posts a systolic pressure of 350.
fraud-out-of-range-caught = The measure's definition ends at 300, and the proof is bound to that definition. The exchange refuses the batch.
fraud-wrong-share = A custodian answers with a share made from a wrong key.
fraud-wrong-share-caught = Every share comes with a proof for its custodian's key. This proof does not hold, and it names the custodian.
fraud-not-tried = No number was shown that this fraud could alter.
fraud-not-caught-means = This is a fault of Nacre. Please report it.
outcome-caught = caught
outcome-not-tried = not tried
outcome-not-caught = NOT CAUGHT
fraud-detail = The program's own words:

## How it ended

result-answers = { $exact } of { $shown } answers equal the truth exactly.
result-withheld = { $withheld ->
    [one] One answer was withheld whole, by the disclosure rules.
   *[other] { $withheld } answers were withheld whole, by the disclosure rules.
}
result-frauds = { $caught } of { $tried } frauds were caught.
result-untried = { $untried ->
    [one] One fraud was not tried, because nothing was shown that it could alter.
   *[other] { $untried } frauds were not tried, because nothing was shown that they could alter.
}
result-no-server = No server saw a value.
result-seconds = It took { $seconds } seconds.
result-page = Open this page in a browser; it shows all of this, with charts:
files-are = Everything is in { $folder }:
file-page = this page
file-evidence = evidence on a record
file-releases = releases
file-trust = trust root
file-network = the network's files
file-records = invented records
next-verify = Verify an answer, as any reader can:
next-evidence = Verify where one record stands:
next-alter = Change a digit in one of these files and verify it again.
next-network = Make a network of your own; docs/by-hand.md goes through it step by step:
next-query = See what can be asked:
next-program = In the folder of the source code, `nacre` is `cargo run --release --`.

## The page

page-title = What happened in this Nacre network
page-lead =
    Hospitals and gyms put records to common use while nobody sees them.
    The demo ran a whole network on this machine. Everybody in it is invented; every part of the program is the real one.
page-people = people with records
page-contributions = encrypted values
page-answers = answers equal to the truth
page-frauds = frauds caught
page-of = { $part } of { $all }
page-flow = How it works
page-questions =
    A regulator asked { $questions } questions. Beside each answer stands the truth, added up from the demo's own list.
    Hatched marks are withheld: custodians open no figure that could be about too few people.
page-release = The release:
page-not-audited = Nothing in Nacre has been audited. Do not put real records in.
