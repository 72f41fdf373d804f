# 給人看的文字。有幾行的，一行一句。用詞以 docs/glossary.md 為準。

## 列舉、分組、月份

list-between = 、
list-last = { $first }和{ $last }
group-between = {" · "}
group-all = 全體
age-band = { $from } 至 { $to } 歲
age-band-top = { $from } 歲及以上
month = { $year }年{ $month }月
sex-female = 女性
sex-male = 男性
sex-other = 其他性別
sex-unknown = 性別不詳

## 指標

measure-active-energy = 每日活動消耗能量
measure-blood-pressure-class = 血壓分級（取收縮壓與舒張壓中較差者）
measure-bmi = 體重指數（BMI）
measure-body-fat = 體脂率
measure-body-height = 身高
measure-body-weight = 體重
measure-diastolic-bp = 舒張壓
measure-fasting-glucose = 空腹血糖
measure-glucose = 隨機血糖
measure-hba1c = 糖化血紅蛋白（HbA1c，NGSP）
measure-heart-rate = 心率
measure-mvpa-minutes = 每週中等及以上強度活動分鐘數
measure-resting-heart-rate = 靜息心率
measure-sleep-duration = 每晚睡眠時間
measure-steps = 每日步數
measure-systolic-bp = 收縮壓
measure-total-cholesterol = 總膽固醇
measure-vo2max = 最大攝氧量（按體重）
unit-class = 級
unit-steps-a-day = 步/日
unit-kilocalories-a-day = 千卡/日
unit-a-minute = 次/分
unit-minutes-a-week = 分鐘/週
unit-minutes = 分鐘

## 鏈

chain-region = { $region }鏈
chain-health = 健康主鏈
chain-sport = 體育主鏈
chain-judicial = 司法鏈

## 披露規則：名稱與含義

rule-too-few-people = 人數過少
rule-too-few-people-means = 沒有一個提供方在一個月內達到 k 人。
rule-dominance = 支配
rule-dominance-means = 去掉一個或兩個提供方後，會剩下一些人，但少於 k 人。提供方可以減去自己的那部分。
rule-too-few-people-for-detail = 人數不足以給出細節
rule-too-few-people-for-detail-means = 離散程度與分檔需要 k 的三倍人數。
rule-partition = 劃分規則
rule-partition-means = 與先前的查詢相減，會單獨顯出少於 k 的人；或已按該指標的另一版本打開過。
rule-partition-for-detail = 劃分規則（細節）
rule-partition-for-detail-means = 與先前的查詢相減，會顯出不足 k 的三倍人數的離散程度或分檔。
rule-cross-lane = 聯合通道
rule-cross-lane-means = 同一批人由聯合通道回答：自其首月起，只由它回答。

## 結果表

table-group = 分組
table-records = 記錄數（n）
table-mean = 平均值（{ $unit }）
table-interval = 95 % 區間
table-sd = 標準差
table-people = 人數
interval = { $low } 至 { $high }
band-share = { $count }（{ $percent } %）
band-in-unit = { $band } { $unit }
withheld = 隱去：{ $rule }
quantity-count = 記錄數
quantity-sum = 總和
quantity-squares = 平方和
quantity-band = 第 { $number } 檔
preview-open = 給出
name-and-text = { $name }：{ $text }

## nacre query

query-withheld = 披露規則隱去了 { $quantities } 個數：
query-release = 發佈在 { $file } 中。持有信任根的人都能核驗它。
preview-nothing = 不會隱去任何內容。
preview-why = 會隱去的內容及原因：
preview-word = 這是保管方 { $custodian } 的說法。主鏈上沒有記入任何內容，也沒有打開任何內容。
cross-small-cells = 少於網絡最少人數的單元格不顯示，空單元格也不顯示。
cross-release = 發佈在 { $file } 中。持有信任根的人都能核驗份額；保留了輸入的評估方可以重新計算。

## 圖

chart-bars = 橫條圖，自 { $low } 至 { $high }（{ $axis }）。
chart-points = 點圖，座標軸自 { $low } 至 { $high }（{ $axis }）。穿過點的線是其 95 % 區間。
chart-label = { $row }，{ $series }
chart-value = { $label }：{ $value }。
chart-axis-begins = { $axis }；座標軸從 { $low } 開始

## 流程圖

flow-title = 一個數字是怎樣得出的
flow-providers = 醫院與健身機構
flow-providers-do =
    自己保管記錄；
    加密數值並給出證明
flow-exchanges = 交換節點
flow-exchanges-do =
    保存各鏈；
    只看到密文
flow-witnesses = 見證節點
flow-witnesses-do =
    核對每個條目，
    然後會簽
flow-readers = 任何人
flow-readers-do =
    憑一個檔案
    離線核驗數字
flow-regulator = 監管方
flow-regulator-do =
    提問，
    並發佈打開的結果
flow-custodians = 保管方
flow-custodians-do =
    分屬三個法域；核驗後
    打開總和，或者拒絕
flow-step-1 = 醫院或健身機構提交加密的數值，每個數值都附有證明，表明它在指標的範圍之內。
flow-step-2 = 見證節點核對交換節點寫下的內容，並會簽。
flow-step-3 = 監管方公開記入自己的問題，取得加密的總和。
flow-step-4 = 保管方各自核驗問題。披露規則允許時，保管方打開總和，但從不打開單條記錄。
flow-step-5 = 監管方發佈一個檔案，任何人都能據此核驗數字。

## 示範的步驟

step-people = 人群
step-network = 網絡
step-contributions = 貢獻
step-sealing = 封存
step-evidence = 一條記錄的證據
step-questions = 問題
step-frauds = 作弊
step-cross-lane = 聯合通道
step-next = 接下來可以試試
site-hospital = { $region }的醫院
site-gym = { $region }的健身機構
demo-people =
    示範虛構了 { $people } 人，其中 { $known } 人在{ $regions }留下了記錄，時間從{ $from }到{ $to }。
    { $hospitals } 家醫院測量血壓和體重，{ $gyms } 家健身機構計步。
demo-records = 這些記錄是 FHIR R4 檔案，在 { $folder } 中。
demo-network =
    { $exchanges } 個交換節點、{ $witnesses } 個見證節點和 { $custodians } 個保管方在本機運行，以 TLS 通訊。
    廣東、香港、澳門各有 { $each } 個保管方。三地各有 { $threshold } 個保管方同意，總和才會打開。
    示範自行分發了密鑰。在真實的網絡中，保管方共同產生密鑰，任何時候都沒有人持有整把密鑰。
demo-evaluators = { $evaluators } 個評估方在密文上計算聯合通道的結果。
demo-contributions =
    每家醫院和健身機構都去掉姓名，每人、每指標、每月只留一個數值。
    提供方加密每個數值，證明它在指標的範圍之內，並提交給自己的交換節點。
table-provider = 提供方
table-observations = 檔案中的觀測
table-contributions = 貢獻
table-seconds = 秒
table-refused = 被拒絕
chart-contributions = 各提供方提交的貢獻
demo-sealing =
    交換節點關閉了封存期，把貢獻加總為 { $cells } 個單元格：每個指標、月份、地區、性別和年齡段各一個。
    單元格是加密的總和。此後無論增添還是遺漏，都會被發現。
demo-evidence =
    示範選取了{ $provider }的一條記錄，它記在{ $chain }上。
    該鏈向上錨定於{ $above }。
    示範把證據寫入一個檔案，並離線核驗：{ $checks } 項檢查成立。
    提供方可以向法院出示這個檔案。

## 問題

question-systolic-by-region-and-sex = 按地區和性別的平均收縮壓，{ $from }至{ $to }
question-bmi-bands-by-sex = 按性別的體重過低、正常、超重與肥胖（WS/T 428），{ $from }至{ $to }
question-steps = { $youngest } 至 { $oldest } 歲人群的平均每日步數，{ $from }至{ $to }
question-pressure-by-steps = 按每日步數的收縮壓，{ $region }，{ $month }：步數由健身機構掌握、血壓由醫院掌握的人
axis-percent = 佔該分組記錄的百分比
axis-contributions = 貢獻
axis-people = 人數
table-truth = 真實結果（只有示範程式知道）
truth-mean = { $records } 條記錄，平均值 { $mean }
truth-bands = { $records } 條記錄：{ $bands }
answer-nothing-withheld = 沒有隱去任何內容。
answer-verified = 僅憑發佈檔案和信任根，已離線核驗：{ $checks } 項檢查成立，{ $custodians } 個保管方給出了份額。
answer-equal = 給出的每個數都等於真實結果。
answer-differs = 給出的數中有與真實結果【不同】的。
answer-nothing-shown = 沒有給出任何數，因此無可比對。
records-are = 一條記錄是一個人在一個月的數值，因此一個人在一個分組中可以有幾條記錄。

## 為何隱去

why-too-few-people =
    { $group }：隱去，因為人數過少。
    給出數字，需要某個提供方在一個月內有 { $minimum } 人。這裏人數最多的提供方只有 { $largest } 人。
why-dominance-of-one =
    { $group }：依支配規則隱去。
    各提供方在人數最多的月份有 { $people } 人。最大的提供方可以從總和中減去自己的人。
    剩下的可能只涉及 { $left } 人。任何數字都不得只涉及少於 { $minimum } 人。
why-dominance-of-two =
    { $group }：依支配規則隱去。
    各提供方在人數最多的月份有 { $people } 人。最大的兩個提供方合起來，可以從總和中減去自己的人。
    剩下的可能只涉及 { $left } 人。任何數字都不得只涉及少於 { $minimum } 人。
why-too-few-people-for-detail =
    { $group }：隱去離散程度與分檔，因為人數不足以給出細節。
    給出細節，需要某個提供方在一個月內有 { $minimum } 人。這裏人數最多的提供方只有 { $largest } 人。
why-partition =
    { $group }：依劃分規則隱去。
    這一答覆與先前的答覆相減，會單獨顯出少於 { $minimum } 的人。
why-partition-for-detail =
    { $group }：依劃分規則（細節）隱去離散程度與分檔。
    這一答覆與先前的答覆相減，會顯出少於 { $minimum } 人的細節。
why-cross-lane =
    { $group }：隱去，因為同一批人由聯合通道回答。
    兩個答覆相減，會單獨顯出聯合通道沒有匹配到的人。
why-known = 各提供方的人數，保管方知道，示範程式也知道。監管方不知道，任何發佈也不寫明。

## 聯合通道

cross-off =
    聯合通道已關閉。它統計醫院和健身機構各自對同一批人所知的情況。
    已知它會洩露過多內容，直至某個病人的確切數值。除非信任根載有它，它在任何網絡中都是關閉的。
    下面的命令示範它，並說明洩露甚麼：
cross-leaks = 這是聯合通道，只可用於虛構的數據。已知會洩露：
leak-invented-people = 提供方只要虛構十個人，就能從普通的公開答覆中讀出所選病人的確切數值。
leak-erasure = 銷毀之後重複同一問題，會顯出已銷毀的數值。
leak-copied-ciphertext = 交換節點可以把一份密文複製到許多名下，從而顯出一個人的數值。
leak-custodian = 一個保管方可以改動結果而不被發現。
cross-counted =
    三個評估方在密文上統計了 { $people } 人。少於 { $minimum } 人的單元格在加密狀態下置為零。
    { $cells } 個單元格中有 { $withheld } 個不顯示。保管方的份額已經核驗。
cross-equal = 顯示的每個單元格都等於真實結果，應顯示的單元格一個不缺。
cross-empty-or-small = 沒有人，或人數過少

## 作弊

demo-frauds = 示範自己用真實的密鑰，對運行中的網絡作弊三次：
fraud-raised-sum = 把一個已發佈的總和加一，並使其他數字與之相符。
fraud-raised-number = 把一個已發佈的數加一，並使其他數字與之相符。
fraud-raised-caught = 保管方的份額打開的是另一個數。核驗失敗。
fraud-out-of-range = 一家醫院用改動過的程式提交收縮壓 350。
fraud-out-of-range-caught = 該指標的定義到 300 為止，證明與定義綁定。交換節點拒絕這個批次。
fraud-wrong-share = 一個保管方用錯誤的密鑰作出份額來答覆。
fraud-wrong-share-caught = 每個份額都附有針對其保管方密鑰的證明。這個證明不成立，並指明是哪個保管方。
fraud-not-tried = 沒有給出任何數，這種作弊無從下手。
fraud-not-caught-means = 這是 Nacre 的缺陷，請報告。
outcome-caught = 已發現
outcome-not-tried = 未嘗試
outcome-not-caught = 【未發現】
fraud-detail = 程式的原話：

## 結果如何

result-answers = { $shown } 個答覆中，{ $exact } 個與真實結果完全相等。
result-withheld = { $withheld } 個答覆依披露規則整個隱去。
result-frauds = { $tried } 次作弊中，發現了 { $caught } 次。
result-untried = { $untried } 次作弊沒有嘗試，因為沒有給出可供改動的數。
result-no-server = 沒有伺服器看到任何一個數值。
result-seconds = 用時 { $seconds } 秒。
result-page = 請用瀏覽器打開這個頁面，以上內容都在其中，並配有圖：
files-are = 全部檔案在 { $folder } 中：
file-page = 本頁面
file-evidence = 一條記錄的證據
file-releases = 發佈
file-trust = 信任根
file-network = 網絡的檔案
file-records = 虛構的記錄
next-verify = 像任何讀者那樣核驗一個答覆：
next-evidence = 核驗一條記錄記在哪裏：
next-alter = 在其中一個檔案裏改動一位數字，再核驗一次。
next-network = 建立自己的網絡；docs/by-hand.zh-CN.md 逐步說明（簡體中文）：
next-query = 看看可以問甚麼：
next-program = 在源代碼的目錄中，`nacre` 即 `cargo run --release --`。

## 頁面

page-title = 這個 Nacre 網絡裏發生了甚麼
page-lead =
    醫院和健身機構把記錄用於共同的目的，而沒有人看到記錄：可用不可見。
    示範在本機運行了整個網絡。其中的人都是虛構的，程式的每個部分都是真實的。
page-people = 有記錄的人
page-contributions = 加密的數值
page-answers = 等於真實結果的答覆
page-frauds = 被發現的作弊
page-of = { $part } / { $all }
page-flow = 工作原理
page-questions =
    監管方提出了 { $questions } 個問題。每個答覆旁邊是真實結果，由示範程式按自己的清單加總得出。
    帶斜線的標記表示隱去：可能只涉及過少的人的數字，保管方不打開。
page-release = 發佈：
page-not-audited = Nacre 的任何部分都未經審計。請勿放入真實記錄。
