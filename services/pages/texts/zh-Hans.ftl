# 给人看的文字。有几行的，一行一句。用词以 docs/glossary.md 为准。

## 列举、分组、月份

list-between = 、
list-last = { $first }和{ $last }
group-between = {" · "}
group-all = 全体
age-band = { $from } 至 { $to } 岁
age-band-top = { $from } 岁及以上
month = { $year }年{ $month }月
sex-female = 女性
sex-male = 男性
sex-other = 其他性别
sex-unknown = 性别不详

## 指标

measure-active-energy = 每日活动消耗能量
measure-blood-pressure-class = 血压分级（取收缩压与舒张压中较差者）
measure-bmi = 体重指数（BMI）
measure-body-fat = 体脂率
measure-body-height = 身高
measure-body-weight = 体重
measure-diastolic-bp = 舒张压
measure-fasting-glucose = 空腹血糖
measure-glucose = 随机血糖
measure-hba1c = 糖化血红蛋白（HbA1c，NGSP）
measure-heart-rate = 心率
measure-mvpa-minutes = 每周中等及以上强度活动分钟数
measure-resting-heart-rate = 静息心率
measure-sleep-duration = 每晚睡眠时间
measure-steps = 每日步数
measure-systolic-bp = 收缩压
measure-total-cholesterol = 总胆固醇
measure-vo2max = 最大摄氧量（按体重）
unit-class = 级
unit-steps-a-day = 步/日
unit-kilocalories-a-day = 千卡/日
unit-a-minute = 次/分
unit-minutes-a-week = 分钟/周
unit-minutes = 分钟

## 链

chain-region = { $region }链
chain-health = 健康主链
chain-sport = 体育主链
chain-judicial = 司法链

## 披露规则：名称与含义

rule-too-few-people = 人数过少
rule-too-few-people-means = 没有一个提供方在一个月内达到 k 人。
rule-dominance = 支配
rule-dominance-means = 去掉一个或两个提供方后，会剩下一些人，但少于 k 人。提供方可以减去自己的那部分。
rule-too-few-people-for-detail = 人数不足以给出细节
rule-too-few-people-for-detail-means = 离散程度与分档需要 k 的三倍人数。
rule-partition = 划分规则
rule-partition-means = 与先前的查询相减，会单独显出少于 k 的人；或已按该指标的另一版本打开过。
rule-partition-for-detail = 划分规则（细节）
rule-partition-for-detail-means = 与先前的查询相减，会显出不足 k 的三倍人数的离散程度或分档。
rule-cross-lane = 联合通道
rule-cross-lane-means = 同一批人由联合通道回答：自其首月起，只由它回答。

## 结果表

table-group = 分组
table-records = 记录数（n）
table-mean = 均值（{ $unit }）
table-interval = 95 % 区间
table-sd = 标准差
table-people = 人数
interval = { $low } 至 { $high }
band-share = { $count }（{ $percent } %）
band-in-unit = { $band } { $unit }
withheld = 隐去：{ $rule }
quantity-count = 记录数
quantity-sum = 总和
quantity-squares = 平方和
quantity-band = 第 { $number } 档
preview-open = 给出
name-and-text = { $name }：{ $text }

## nacre query

query-withheld = 披露规则隐去了 { $quantities } 个数：
query-release = 发布在 { $file } 中。持有信任根的人都能核验它。
preview-nothing = 不会隐去任何内容。
preview-why = 会隐去的内容及原因：
preview-word = 这是保管方 { $custodian } 的说法。主链上没有记入任何内容，也没有打开任何内容。
cross-small-cells = 少于网络最少人数的单元格不显示，空单元格也不显示。
cross-release = 发布在 { $file } 中。持有信任根的人都能核验份额；保留了输入的评估方可以重新计算。

## 图

chart-bars = 条形图，自 { $low } 至 { $high }（{ $axis }）。
chart-points = 点图，坐标轴自 { $low } 至 { $high }（{ $axis }）。穿过点的线是其 95 % 区间。
chart-label = { $row }，{ $series }
chart-value = { $label }：{ $value }。
chart-axis-begins = { $axis }；坐标轴从 { $low } 开始

## 流程图

flow-title = 一个数字是怎样得出的
flow-providers = 医院与健身机构
flow-providers-do =
    自己保管记录；
    加密数值并给出证明
flow-exchanges = 交换节点
flow-exchanges-do =
    保存各链；
    只看到密文
flow-witnesses = 见证节点
flow-witnesses-do =
    核对每个条目，
    然后会签
flow-readers = 任何人
flow-readers-do =
    凭一个文件
    离线核验数字
flow-regulator = 监管方
flow-regulator-do =
    提问，
    并发布打开的结果
flow-custodians = 保管方
flow-custodians-do =
    分属三个法域；核验后
    打开总和，或者拒绝
flow-step-1 = 医院或健身机构提交加密的数值，每个数值都附有证明，表明它在指标的范围之内。
flow-step-2 = 见证节点核对交换节点写下的内容，并会签。
flow-step-3 = 监管方公开记入自己的问题，取得加密的总和。
flow-step-4 = 保管方各自核验问题。披露规则允许时，保管方打开总和，但从不打开单条记录。
flow-step-5 = 监管方发布一个文件，任何人都能据此核验数字。

## 演示的步骤

step-people = 人群
step-network = 网络
step-contributions = 贡献
step-sealing = 封存
step-evidence = 一条记录的证据
step-questions = 问题
step-frauds = 作弊
step-cross-lane = 联合通道
step-next = 接下来可以试试
site-hospital = { $region }的医院
site-gym = { $region }的健身机构
demo-people =
    演示虚构了 { $people } 人，其中 { $known } 人在{ $regions }留下了记录，时间从{ $from }到{ $to }。
    { $hospitals } 家医院测量血压和体重，{ $gyms } 家健身机构计步。
demo-records = 这些记录是 FHIR R4 文件，在 { $folder } 中。
demo-network =
    { $exchanges } 个交换节点、{ $witnesses } 个见证节点和 { $custodians } 个保管方在本机运行，以 TLS 通信。
    广东、香港、澳门各有 { $each } 个保管方。三地各有 { $threshold } 个保管方同意，总和才会打开。
    演示自行分发了密钥。在真实的网络中，保管方共同生成密钥，任何时候都没有人持有整把密钥。
demo-evaluators = { $evaluators } 个评估方在密文上计算联合通道的结果。
demo-contributions =
    每家医院和健身机构都去掉姓名，每人、每指标、每月只留一个数值。
    提供方加密每个数值，证明它在指标的范围之内，并提交给自己的交换节点。
table-provider = 提供方
table-observations = 文件中的观测
table-contributions = 贡献
table-seconds = 秒
table-refused = 被拒绝
chart-contributions = 各提供方提交的贡献
demo-sealing =
    交换节点关闭了封存期，把贡献加总为 { $cells } 个单元格：每个指标、月份、地区、性别和年龄段各一个。
    单元格是加密的总和。此后无论增添还是遗漏，都会被发现。
demo-evidence =
    演示选取了{ $provider }的一条记录，它记在{ $chain }上。
    该链向上锚定于{ $above }。
    演示把证据写入一个文件，并离线核验：{ $checks } 项检查成立。
    提供方可以向法院出示这个文件。

## 问题

question-systolic-by-region-and-sex = 按地区和性别的平均收缩压，{ $from }至{ $to }
question-bmi-bands-by-sex = 按性别的体重过低、正常、超重与肥胖（WS/T 428），{ $from }至{ $to }
question-steps = { $youngest } 至 { $oldest } 岁人群的平均每日步数，{ $from }至{ $to }
question-pressure-by-steps = 按每日步数的收缩压，{ $region }，{ $month }：步数由健身机构掌握、血压由医院掌握的人
axis-percent = 占该分组记录的百分比
axis-contributions = 贡献
axis-people = 人数
table-truth = 真实结果（只有演示程序知道）
truth-mean = { $records } 条记录，均值 { $mean }
truth-bands = { $records } 条记录：{ $bands }
answer-nothing-withheld = 没有隐去任何内容。
answer-verified = 仅凭发布文件和信任根，已离线核验：{ $checks } 项检查成立，{ $custodians } 个保管方给出了份额。
answer-equal = 给出的每个数都等于真实结果。
answer-differs = 给出的数中有与真实结果【不同】的。
answer-nothing-shown = 没有给出任何数，因此无可比对。
records-are = 一条记录是一个人在一个月的数值，因此一个人在一个分组中可以有几条记录。

## 为何隐去

why-too-few-people =
    { $group }：隐去，因为人数过少。
    给出数字，需要某个提供方在一个月内有 { $minimum } 人。这里人数最多的提供方只有 { $largest } 人。
why-dominance-of-one =
    { $group }：依支配规则隐去。
    各提供方在人数最多的月份有 { $people } 人。最大的提供方可以从总和中减去自己的人。
    剩下的可能只涉及 { $left } 人。任何数字都不得只涉及少于 { $minimum } 人。
why-dominance-of-two =
    { $group }：依支配规则隐去。
    各提供方在人数最多的月份有 { $people } 人。最大的两个提供方合起来，可以从总和中减去自己的人。
    剩下的可能只涉及 { $left } 人。任何数字都不得只涉及少于 { $minimum } 人。
why-too-few-people-for-detail =
    { $group }：隐去离散程度与分档，因为人数不足以给出细节。
    给出细节，需要某个提供方在一个月内有 { $minimum } 人。这里人数最多的提供方只有 { $largest } 人。
why-partition =
    { $group }：依划分规则隐去。
    这一答复与先前的答复相减，会单独显出少于 { $minimum } 的人。
why-partition-for-detail =
    { $group }：依划分规则（细节）隐去离散程度与分档。
    这一答复与先前的答复相减，会显出少于 { $minimum } 人的细节。
why-cross-lane =
    { $group }：隐去，因为同一批人由联合通道回答。
    两个答复相减，会单独显出联合通道没有匹配到的人。
why-known = 各提供方的人数，保管方知道，演示程序也知道。监管方不知道，任何发布也不写明。

## 联合通道

cross-off =
    联合通道已关闭。它统计医院和健身机构各自对同一批人所知的情况。
    已知它会泄露过多内容，直至某个病人的确切数值。除非信任根载有它，它在任何网络中都是关闭的。
    下面的命令演示它，并说明泄露什么：
cross-leaks = 这是联合通道，只可用于虚构的数据。已知会泄露：
leak-invented-people = 提供方只要虚构十个人，就能从普通的公开答复中读出所选病人的确切数值。
leak-erasure = 销毁之后重复同一问题，会显出已销毁的数值。
leak-copied-ciphertext = 交换节点可以把一份密文复制到许多名下，从而显出一个人的数值。
leak-custodian = 一个保管方可以改动结果而不被发现。
cross-counted =
    三个评估方在密文上统计了 { $people } 人。少于 { $minimum } 人的单元格在加密状态下置为零。
    { $cells } 个单元格中有 { $withheld } 个不显示。保管方的份额已经核验。
cross-equal = 显示的每个单元格都等于真实结果，应显示的单元格一个不缺。
cross-empty-or-small = 没有人，或人数过少

## 作弊

demo-frauds = 演示自己用真实的密钥，对运行中的网络作弊三次：
fraud-raised-sum = 把一个已发布的总和加一，并使其他数字与之相符。
fraud-raised-number = 把一个已发布的数加一，并使其他数字与之相符。
fraud-raised-caught = 保管方的份额打开的是另一个数。核验失败。
fraud-out-of-range = 一家医院用改动过的程序提交收缩压 350。
fraud-out-of-range-caught = 该指标的定义到 300 为止，证明与定义绑定。交换节点拒绝这个批次。
fraud-wrong-share = 一个保管方用错误的密钥作出份额来答复。
fraud-wrong-share-caught = 每个份额都附有针对其保管方密钥的证明。这个证明不成立，并指明是哪个保管方。
fraud-not-tried = 没有给出任何数，这种作弊无从下手。
fraud-not-caught-means = 这是 Nacre 的缺陷，请报告。
outcome-caught = 已发现
outcome-not-tried = 未尝试
outcome-not-caught = 【未发现】
fraud-detail = 程序的原话：

## 结果如何

result-answers = { $shown } 个答复中，{ $exact } 个与真实结果完全相等。
result-withheld = { $withheld } 个答复依披露规则整个隐去。
result-frauds = { $tried } 次作弊中，发现了 { $caught } 次。
result-untried = { $untried } 次作弊没有尝试，因为没有给出可供改动的数。
result-no-server = 没有服务器看到任何一个数值。
result-seconds = 用时 { $seconds } 秒。
result-page = 请用浏览器打开这个页面，以上内容都在其中，并配有图：
files-are = 全部文件在 { $folder } 中：
file-page = 本页面
file-evidence = 一条记录的证据
file-releases = 发布
file-trust = 信任根
file-network = 网络的文件
file-records = 虚构的记录
next-verify = 像任何读者那样核验一个答复：
next-evidence = 核验一条记录记在哪里：
next-alter = 在其中一个文件里改动一位数字，再核验一次。
next-network = 建立自己的网络；docs/by-hand.zh-CN.md 逐步说明：
next-query = 看看可以问什么：
next-program = 在源代码的目录中，`nacre` 即 `cargo run --release --`。

## 页面

page-title = 这个 Nacre 网络里发生了什么
page-lead =
    医院和健身机构把记录用于共同的目的，而没有人看到记录：可用不可见。
    演示在本机运行了整个网络。其中的人都是虚构的，程序的每个部分都是真实的。
page-people = 有记录的人
page-contributions = 加密的数值
page-answers = 等于真实结果的答复
page-frauds = 被发现的作弊
page-of = { $part } / { $all }
page-flow = 工作原理
page-questions =
    监管方提出了 { $questions } 个问题。每个答复旁边是真实结果，由演示程序按自己的清单加总得出。
    带斜线的标记表示隐去：可能只涉及过少的人的数字，保管方不打开。
page-release = 发布：
page-not-audited = Nacre 的任何部分都未经审计。请勿放入真实记录。
