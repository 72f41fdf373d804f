# Textos para pessoas. Um texto de várias linhas tem uma frase por linha.
# As palavras seguem docs/glossary.md.

## Listas, grupos, meses

list-between = {", "}
list-last = { $first } e { $last }
group-between = {", "}
group-all = todas as pessoas
age-band = { $from } a { $to } anos
age-band-top = { $from } anos ou mais
month = { $month ->
    [1] janeiro
    [2] fevereiro
    [3] março
    [4] abril
    [5] maio
    [6] junho
    [7] julho
    [8] agosto
    [9] setembro
    [10] outubro
    [11] novembro
   *[12] dezembro
} de { $year }
sex-female = sexo feminino
sex-male = sexo masculino
sex-other = outro sexo
sex-unknown = sexo desconhecido

## Medidas

measure-active-energy = Energia gasta em atividade por dia
measure-blood-pressure-class = Classe da tensão arterial, a pior entre sistólica e diastólica
measure-bmi = Índice de massa corporal
measure-body-fat = Gordura corporal
measure-body-height = Altura
measure-body-weight = Peso
measure-diastolic-bp = Tensão arterial diastólica
measure-fasting-glucose = Glicose em jejum
measure-glucose = Glicose no sangue, a qualquer hora
measure-hba1c = Hemoglobina glicada (HbA1c), NGSP
measure-heart-rate = Frequência cardíaca
measure-mvpa-minutes = Minutos de atividade moderada ou vigorosa por semana
measure-resting-heart-rate = Frequência cardíaca em repouso
measure-sleep-duration = Sono por noite
measure-steps = Passos por dia
measure-systolic-bp = Tensão arterial sistólica
measure-total-cholesterol = Colesterol total
measure-vo2max = Consumo máximo de oxigénio por massa corporal
unit-class = classe
unit-steps-a-day = passos por dia
unit-kilocalories-a-day = kcal por dia
unit-a-minute = batimentos por minuto
unit-minutes-a-week = minutos por semana
unit-minutes = minutos

## Cadeias

chain-region = cadeia de { $region }
chain-health = cadeia principal da saúde
chain-sport = cadeia principal do desporto
chain-judicial = cadeia judicial

## Regras de divulgação: os nomes e o que dizem

rule-too-few-people = poucas pessoas
rule-too-few-people-means = Nenhum fornecedor tem k pessoas num só mês.
rule-dominance = dominância
rule-dominance-means = Sem um fornecedor, ou sem dois, restariam algumas pessoas, mas menos de k. Um fornecedor pode subtrair as suas.
rule-too-few-people-for-detail = poucas pessoas para pormenores
rule-too-few-people-for-detail-means = A dispersão e os escalões exigem três vezes k pessoas.
rule-partition = regra da partição
rule-partition-means = Subtraído do que já foi perguntado, isolaria menos de k pessoas; ou já foi aberto segundo outra versão da medida.
rule-partition-for-detail = regra da partição para pormenores
rule-partition-for-detail-means = Subtraído do que já foi perguntado, mostraria a dispersão ou os escalões de menos de três vezes k pessoas.
rule-cross-lane = via conjunta
rule-cross-lane-means = A via conjunta responde sobre as mesmas pessoas: desde o seu primeiro mês, só ela responde.

## Tabelas de resultados

table-group = grupo
table-records = registos (n)
table-mean = média, { $unit }
table-interval = intervalo de 95 %
table-sd = desvio-padrão
table-people = pessoas
interval = { $low } a { $high }
band-share = { $count } ({ $percent } %)
band-in-unit = { $band } { $unit }
withheld = retido: { $rule }
quantity-count = registos
quantity-sum = soma
quantity-squares = soma dos quadrados
quantity-band = escalão { $number }
preview-open = mostrado
name-and-text = { $name }: { $text }

## nacre query

query-withheld = { $quantities ->
    [one] { $quantities } número é retido pelas regras de divulgação:
   *[other] { $quantities } números são retidos pelas regras de divulgação:
}
query-release = A publicação está em { $file }. Qualquer pessoa com a raiz de confiança a pode verificar.
preview-nothing = Nada seria retido.
preview-why = O que seria retido, e porquê:
preview-word = Esta é a palavra do depositário { $custodian }. Nada foi inscrito numa cadeia principal e nada foi aberto.
cross-small-cells = As células com menos pessoas do que o mínimo da rede não são mostradas, nem as vazias.
cross-release = A publicação está em { $file }. Qualquer pessoa com a raiz de confiança pode verificar as partes; um avaliador que guardou os dados de entrada pode calculá-la de novo.

## Gráficos

chart-bars = Barras de { $low } a { $high } ({ $axis }).
chart-points = Pontos num eixo de { $low } a { $high } ({ $axis }). A linha que atravessa um ponto é o seu intervalo de 95 %.
chart-label = { $row }, { $series }
chart-value = { $label }: { $value }.
chart-axis-begins = { $axis }; o eixo começa em { $low }

## O desenho do percurso

flow-title = Como se chega a um número
flow-providers = Hospitais e ginásios
flow-providers-do =
    guardam os seus registos;
    cifram e provam valores
flow-exchanges = Nós de troca
flow-exchanges-do =
    guardam as cadeias;
    só veem texto cifrado
flow-witnesses = Testemunhas
flow-witnesses-do =
    conferem cada entrada
    e depois contra-assinam
flow-readers = Qualquer pessoa
flow-readers-do =
    verifica o número sem rede,
    com um só ficheiro
flow-regulator = Regulador
flow-regulator-do =
    pergunta e publica
    o que foi aberto
flow-custodians = Depositários
flow-custodians-do =
    de três jurisdições:
    conferem; abrem ou recusam
flow-step-1 = Um hospital ou um ginásio envia valores cifrados, cada um com a prova de que está dentro dos limites da sua medida.
flow-step-2 = As testemunhas conferem o que um nó de troca escreveu e contra-assinam.
flow-step-3 = O regulador inscreve a sua pergunta em público e recebe somas cifradas.
flow-step-4 = Cada depositário confere a pergunta por si mesmo. Os depositários abrem uma soma se as regras de divulgação o permitirem, e nunca um registo.
flow-step-5 = O regulador publica um ficheiro com o qual qualquer pessoa pode verificar o número.

## A demonstração, passo a passo

step-people = Pessoas
step-network = Rede
step-contributions = Contribuições
step-sealing = Selagem
step-evidence = Prova sobre um registo
step-questions = Perguntas
step-frauds = Fraudes
step-cross-lane = Via conjunta
step-next = O que experimentar a seguir
site-hospital = hospital em { $region }
site-gym = ginásio em { $region }
demo-people =
    A demonstração inventou { $people } pessoas. { $known } delas deixaram registos em { $regions }, de { $from } a { $to }.
    { $hospitals } hospitais mediram a tensão arterial e o peso, e { $gyms } ginásios contaram passos.
demo-records = Os registos são ficheiros FHIR R4 em { $folder }.
demo-network =
    { $exchanges } nós de troca, { $witnesses } testemunhas e { $custodians } depositários funcionam nesta máquina e comunicam por TLS.
    Guangdong, Hong Kong e Macau têm { $each } depositários cada. Uma soma só se abre se { $threshold } deles concordarem em cada um dos três territórios.
    A demonstração distribuiu ela própria as chaves. Numa rede real, os depositários geram-nas em conjunto e ninguém detém alguma vez uma chave inteira.
demo-evaluators = { $evaluators } avaliadores calculam a via conjunta sobre texto cifrado.
demo-contributions =
    Cada hospital e cada ginásio retira os nomes e fica com um valor por pessoa, medida e mês.
    Cifra cada valor, prova que está dentro dos limites da sua medida e envia-o ao seu nó de troca.
table-provider = fornecedor
table-observations = observações nos ficheiros
table-contributions = contribuições
table-seconds = segundos
table-refused = recusadas
chart-contributions = Contribuições enviadas, por fornecedor
demo-sealing =
    Os nós de troca fecharam a época. Somaram as contribuições em { $cells } células: uma por medida, mês, região, sexo e faixa etária.
    Uma célula é uma soma cifrada. A partir de agora, nada se lhe pode acrescentar ou tirar sem que se note.
demo-evidence =
    Foi escolhido um registo do { $provider }. Está inscrito na { $chain }.
    Essa cadeia está ancorada mais acima: { $above }.
    A demonstração escreveu a prova num ficheiro e verificou-a sem rede: { $checks } verificações são válidas.
    O fornecedor poderia mostrar esse ficheiro a um tribunal.

## Perguntas

question-systolic-by-region-and-sex = Tensão arterial sistólica média por região e sexo, { $from } a { $to }
question-bmi-bands-by-sex = Baixo peso, peso normal, excesso de peso e obesidade por sexo (WS/T 428), { $from } a { $to }
question-steps = Média de passos por dia de pessoas de { $youngest } a { $oldest } anos, { $from } a { $to }
question-pressure-by-steps = Tensão arterial sistólica por passos por dia, { $region }, { $month }: pessoas cujos passos um ginásio conhece e cuja tensão um hospital conhece
axis-percent = percentagem dos registos do grupo
axis-contributions = contribuições
axis-people = pessoas
table-truth = verdade (só a demonstração a conhece)
truth-mean = { $records } registos, média { $mean }
truth-bands = { $records } registos: { $bands }
answer-nothing-withheld = Nada foi retido.
answer-verified = A publicação foi verificada sem rede, só com o ficheiro e a raiz de confiança: { $checks } verificações são válidas, { $custodians } depositários deram partes.
answer-equal = Todos os números mostrados são iguais à verdade.
answer-differs = Um número mostrado é DIFERENTE da verdade.
answer-nothing-shown = Nenhum número foi mostrado; não há nada a comparar.
records-are = Um registo é o valor de uma pessoa num mês; por isso, uma pessoa pode ter vários registos num grupo.

## Porque algo foi retido

why-too-few-people =
    { $group }: retido, porque há poucas pessoas.
    Um número exige { $minimum } pessoas de um fornecedor num só mês. O máximo que um fornecedor aqui tem é { $largest }.
why-dominance-of-one =
    { $group }: retido pela regra da dominância.
    Os fornecedores têm { $people } pessoas nos seus meses mais cheios. O maior fornecedor poderia subtrair da soma as suas próprias pessoas.
    O que resta pode ser sobre apenas { $left } pessoas. Nenhum número pode ser sobre menos de { $minimum }.
why-dominance-of-two =
    { $group }: retido pela regra da dominância.
    Os fornecedores têm { $people } pessoas nos seus meses mais cheios. Os dois maiores fornecedores, juntos, poderiam subtrair da soma as suas próprias pessoas.
    O que resta pode ser sobre apenas { $left } pessoas. Nenhum número pode ser sobre menos de { $minimum }.
why-too-few-people-for-detail =
    { $group }: a dispersão e os escalões são retidos, porque há poucas pessoas para pormenores.
    Os pormenores exigem { $minimum } pessoas de um fornecedor num só mês. O máximo que um fornecedor aqui tem é { $largest }.
why-partition =
    { $group }: retido pela regra da partição.
    Esta resposta e as anteriores, subtraídas umas das outras, isolariam menos de { $minimum } pessoas.
why-partition-for-detail =
    { $group }: a dispersão e os escalões são retidos pela regra da partição para pormenores.
    Esta resposta e as anteriores, subtraídas umas das outras, mostrariam os pormenores de menos de { $minimum } pessoas.
why-cross-lane =
    { $group }: retido, porque a via conjunta responde sobre as mesmas pessoas.
    As duas respostas, subtraídas uma da outra, isolariam as pessoas que a via conjunta não faz corresponder.
why-known = Os depositários sabem quantas pessoas tem cada fornecedor, e a demonstração também. Um regulador não o sabe, e nenhuma publicação o diz.

## Via conjunta

cross-off =
    A via conjunta está desligada. Dá estatísticas sobre o que um hospital e um ginásio sabem das mesmas pessoas.
    Sabe-se que revela mais do que devia, até ao valor exato de um doente. Está desligada em todas as redes, salvo se a raiz de confiança a tiver.
    Este comando mostra-a, e o que ela revela:
cross-leaks = Esta é a via conjunta, só para dados inventados. O que se sabe que ela revela:
leak-invented-people = Um fornecedor que invente dez pessoas pode ler o valor exato de um doente escolhido numa resposta pública normal.
leak-erasure = Uma pergunta repetida depois de uma destruição mostra o valor destruído.
leak-copied-ciphertext = Um nó de troca pode copiar um texto cifrado sob muitos nomes e assim fazer mostrar o valor de uma pessoa.
leak-custodian = Um só depositário pode alterar um resultado sem que se note.
cross-counted =
    Três avaliadores contaram { $people } pessoas sobre texto cifrado. As células com menos de { $minimum } pessoas foram postas a zero sob cifra.
    { $withheld } de { $cells } células não são mostradas. As partes dos depositários foram verificadas.
cross-equal = Todas as células mostradas são iguais à verdade, e não falta nenhuma que devesse ser mostrada.
cross-empty-or-small = vazia, ou poucas pessoas

## Fraudes

demo-frauds = A própria demonstração cometeu três fraudes, com chaves reais, contra a rede em funcionamento:
fraud-raised-sum = Uma soma publicada é aumentada de um, e todos os números são ajustados a ela.
fraud-raised-number = Um número publicado é aumentado de um, e todos os outros são ajustados a ele.
fraud-raised-caught = As partes dos depositários abrem a soma para outro número. A verificação falha.
fraud-out-of-range = Um hospital com um programa alterado envia uma tensão sistólica de 350.
fraud-out-of-range-caught = A definição da medida acaba em 300, e a prova está ligada a essa definição. O nó de troca recusa o lote.
fraud-wrong-share = Um depositário responde com uma parte feita com uma chave errada.
fraud-wrong-share-caught = Cada parte traz uma prova para a chave do seu depositário. Esta prova não é válida, e indica o depositário.
fraud-not-tried = Não foi mostrado nenhum número que esta fraude pudesse alterar.
fraud-not-caught-means = Isto é um defeito do Nacre. Por favor, comunique-o.
outcome-caught = apanhada
outcome-not-tried = não tentada
outcome-not-caught = NÃO APANHADA
fraud-detail = Nas palavras do programa:

## Como acabou

result-answers = { $exact } de { $shown } respostas são exatamente iguais à verdade.
result-withheld = { $withheld ->
    [one] Uma resposta foi toda retida pelas regras de divulgação.
   *[other] { $withheld } respostas foram todas retidas pelas regras de divulgação.
}
result-frauds = { $caught } de { $tried } fraudes foram apanhadas.
result-untried = { $untried ->
    [one] Uma fraude não foi tentada, porque nada foi mostrado que ela pudesse alterar.
   *[other] { $untried } fraudes não foram tentadas, porque nada foi mostrado que elas pudessem alterar.
}
result-no-server = Nenhum servidor viu um valor.
result-seconds = Demorou { $seconds } segundos.
result-page = Abra esta página num navegador; mostra tudo isto, com gráficos:
files-are = Está tudo em { $folder }:
file-page = esta página
file-evidence = prova sobre um registo
file-releases = publicações
file-trust = raiz de confiança
file-network = ficheiros da rede
file-records = registos inventados
next-verify = Verifique uma resposta, como qualquer leitor pode:
next-evidence = Verifique onde está inscrito um registo:
next-alter = Mude um algarismo num destes ficheiros e verifique-o outra vez.
next-network = Crie uma rede sua; docs/by-hand.md (em inglês) percorre-a passo a passo:
next-query = Veja o que se pode perguntar:
next-program = Na pasta do código-fonte, `nacre` é `cargo run --release --`.

## A página

page-title = O que aconteceu nesta rede Nacre
page-lead =
    Hospitais e ginásios põem registos ao serviço de todos sem que ninguém os veja.
    A demonstração pôs a funcionar uma rede inteira nesta máquina. Todas as pessoas são inventadas; cada parte do programa é a verdadeira.
page-people = pessoas com registos
page-contributions = valores cifrados
page-answers = respostas iguais à verdade
page-frauds = fraudes apanhadas
page-of = { $part } de { $all }
page-flow = Como funciona
page-questions =
    Um regulador fez { $questions } perguntas. Ao lado de cada resposta está a verdade, somada da lista da própria demonstração.
    As marcas tracejadas estão retidas: os depositários não abrem nenhum número que possa ser sobre poucas pessoas.
page-release = A publicação:
page-not-audited = Nada no Nacre foi auditado. Não introduza registos verdadeiros.
