package report

import (
	"fmt"
	"strings"
)

// modelCard answers the questions of those who are to run the model: what form
// it takes, where things are, how to call it, how to retrain, deploy and roll
// back, and what not to use it for.
func modelCard(in Input) *document {
	d := &document{title: "Model card", version: in.Version}
	add := func(id, title string, blocks ...block) {
		d.sections = append(d.sections, section{id, title, blocks})
	}
	home := in.Paths.Home
	if home == "" {
		home = "./sluice"
	}
	reg := in.Paths.Registry
	if reg == "" {
		reg = home + "/registry/" + in.Version
	}
	httpAddr, grpcAddr := in.Paths.HTTP, in.Paths.GRPC
	if httpAddr == "" {
		httpAddr = "127.0.0.1:8080"
	}
	if grpcAddr == "" {
		grpcAddr = "127.0.0.1:9090"
	}
	s := in.Evaluation.Main()

	summary := []block{para("**" + Verdict(&in.Evaluation) + "**")}
	if in.Simulated || in.Evaluation.Simulated {
		summary = append(summary, para("**Trained on simulated months.** Do not use it on real traffic."))
	}
	summary = append(summary, para("The model gives each client address of a web request log a confidence in [0, 1] that it is abusive, in the sense of being reported at AbuseIPDB, with reasons. It works on months or attack windows that are over, not in real time."))
	add("summary", "What it is", summary...)

	m := in.Model
	form := list{}
	item := func(k, v string) { form = append(form, []span{{text: k + ": ", bold: true}, {text: v}}) }
	kind := m.Kind
	if m.Trees > 0 {
		kind = fmt.Sprintf("%s, %s trees at most %d deep, objective %s", m.Kind, count(m.Trees), m.MaxDepth, m.Objective)
	}
	if kind != "" {
		item("Model", kind)
	}
	if m.FormatVersion != "" {
		item("Files", "model.json and kserve/model.ubj in XGBoost's format (version "+m.FormatVersion+"), which XGBoost itself loads; calibration.json, schema.json, rules.json beside them")
	} else {
		item("Files", "model.json and kserve/model.ubj in XGBoost's format, which XGBoost itself loads; calibration.json, schema.json, rules.json beside them")
	}
	if len(m.Features) > 0 {
		item("Inputs", fmt.Sprintf("%s, in this order: %s; a missing value is NaN", plural(len(m.Features), "column", "columns"), strings.Join(m.Features, ", ")))
	}
	if m.SchemaHash != "" {
		item("Schema", m.SchemaHash+"; rows of another schema are refused")
	}
	item("Output", "raw probability, calibrated confidence, verdict at the operating point, and each input's contribution to the margin")
	if in.Rules != nil {
		item("The rules, as a fallback", ruleText(in.Rules.AtTarget))
	}
	add("form", "What form the model takes", form)

	if s != nil {
		t := newTable("On "+joined(s.Months.Test)+", trained on "+joined(s.Months.Train), th(""), plainNum("Precision"), plainNum("Recall"), plainNum("F1"), plainNum("Flagged rows"))
		for _, c := range contenders(s) {
			tr := c.point.Classes.True
			t.add(name(c.name), plainNum(share(tr.Precision)), plainNum(share(tr.Recall)), plainNum(share(tr.F1)), plainNum(count(c.point.Confusion.Flagged())))
		}
		blocks := []block{*t, para(fmt.Sprintf("ROC AUC %s, PR AUC %s, Brier score %s on %s; %s of them labelled True.",
			share(s.ROCAUC), share(s.PRAUC), share(s.Brier), plural(s.Rows.Rows, "labelled row", "labelled rows"), pct(float64(s.Rows.Prevalence()))))}
		if s.OperatingPoint.Abstains {
			blocks = append(blocks, para("The model abstains: it flags nothing. Confidences are still given."))
		} else {
			aimed := "precision " + pct(float64(s.OperatingPoint.Target))
			if !s.OperatingPoint.Target.Defined() {
				aimed = in.Evaluation.Aim().Words()
			}
			blocks = append(blocks, para(fmt.Sprintf("Operating point: flagged at raw probability %s or more, chosen on %s for %s.",
				share(s.OperatingPoint.Threshold), s.OperatingPoint.ChosenOn, aimed)))
		}
		blocks = append(blocks, para("report.html and report.md beside this card have every figure with its interval; evaluation.json has them for programs."))
		add("quality", "How good it is", blocks...)
	}

	where := list{
		{{text: "Version: ", bold: true}, {text: reg}},
		{{text: "Store of months: ", bold: true}, {text: home + "/store"}},
		{{text: "Feeds: ", bold: true}, {text: home + "/feeds/<date>.jsonl.gz; latest.json names the newest"}},
		{{text: "Code: ", bold: true}, {text: "trainer in train/, service in serve/, scoring in models/scorer, columns in featurestore/columns"}},
		{{text: "Logs and labels: ", bold: true}, {text: "stay where they are; manifest.json names each file by its content hash"}},
	}
	add("where", "Where code and data are", where)

	add("call", "How to call it",
		para("Start the service on the home folder:"),
		code{fmt.Sprintf("serve --dir %s --grpc %s --http %s", home, grpcAddr, httpAddr)},
		para("REST:"),
		code{fmt.Sprintf("curl http://%s/v1/ips/192.0.2.10\ncurl http://%s/v1/ips/192.0.2.10:explain\ncurl http://%s/feed/v1/ip/192.0.2.10    # the shape that ipoid's clients know", httpAddr, httpAddr, httpAddr)},
		para("gRPC, sluice.v1.ScoreService; the definitions are in proto/sluice/v1:"),
		code{fmt.Sprintf("grpcurl -plaintext -import-path proto -import-path proto/third_party -proto sluice/v1/score_service.proto \\\n  -d '{\"name\":\"ips/192.0.2.10\"}' %s sluice.v1.ScoreService/GetIpScore", grpcAddr)},
		para("Go, over gRPC:"),
		code{fmt.Sprintf("conn, err := grpc.NewClient(%q, grpc.WithTransportCredentials(insecure.NewCredentials()))\n…\nscore, err := sluicev1.NewScoreServiceClient(conn).GetIpScore(ctx, &sluicev1.GetIpScoreRequest{Name: \"ips/192.0.2.10\"})", grpcAddr)},
		para("Go, in process, where rows are at hand; it is the one function behind feed, API and replay:"),
		code{fmt.Sprintf("version, err := registry.Open(%q).Get(%q)\n…\nmodel, err := scorer.Load(version)\n…\nscore, err := model.Score(values) // in the order of model.FeatureNames(); NaN is missing", home, in.Version)},
		para("An address without a row is NOT_FOUND, never a score of 0. While no feed is loaded the answer is UNAVAILABLE."))

	train, test := "2024-06,2024-07", "2024-08"
	if s != nil && len(s.Months.Train) > 0 && len(s.Months.Test) > 0 {
		train, test = strings.Join(s.Months.Train, ","), strings.Join(s.Months.Test, ",")
	}
	add("retrain", "How to retrain",
		code{fmt.Sprintf("train run --dir %s --logs 'access-*.log.gz' --labels 'blacklist-*.txt.gz' --train %s --test %s", home, train, test) + in.Paths.Flags},
		para("The same inputs, settings and seed give the same bytes. Exit status 3 says that a gate held the new version back: it is written with its report, and the champion stays. Retrain when the drift table of the report says so, or when a new month has its labels."))
	add("deploy", "How to deploy",
		code{fmt.Sprintf("train versions --dir %s\ntrain compare --dir %s CHAMPION %s\ntrain promote --dir %s %s", home, home, in.Version, home, in.Version)},
		para("A version that passes its gates is promoted by train run itself. A running service takes the new champion and feed without a restart. A held-back version needs --force and a reason, which champion.log keeps."))
	add("rollback", "How to roll back",
		code{fmt.Sprintf("train rollback --dir %s", home)},
		para("The champion before this one serves again; registry/champion.log says who, when and why."))

	limits := list{
		words("Not as proof of guilt: a label means that someone reported the address, and " + unreportedWords(in) + "."),
		words("Not to block alone. It is made for rate limits and for review; shared, carrier and proxy addresses carry many people."),
		words("Not in real time, and not on the first request of an address: features need a window of requests."),
		words("Not on logs of another kind without retraining: sizes, caches and page views differ from site to site."),
		words("Not with the label or earlier listings as inputs unless that is meant: the model would repeat the list."),
	}
	if s != nil && s.OperatingPoint.Confusion.FP > 0 {
		limits = append(limits, words(fmt.Sprintf("Of %s rows flagged in the test, %s were not reported: expect some of them to be readers.",
			count(s.OperatingPoint.Confusion.Flagged()), count(s.OperatingPoint.Confusion.FP))))
	}
	add("limits", "What not to use it for", limits)
	if len(in.Warnings) > 0 {
		var ws list
		for _, w := range in.Warnings {
			ws = append(ws, words(w))
		}
		add("warnings", "Warnings of this version", ws)
	}
	return d
}

func unreportedWords(in Input) string {
	s := in.Evaluation.Main()
	// An estimate whose assumption is known to fail is no figure for a card.
	if s == nil || s.Incomplete == nil || !s.Incomplete.C.Defined() || s.Incomplete.Warning != "" {
		return "many abusive addresses are never reported"
	}
	return fmt.Sprintf("by a rough estimate only %s of abusive rows are reported", pct(float64(s.Incomplete.C)))
}
