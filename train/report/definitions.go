package report

// definition explains one figure. ids are anchors: other pages may link to
// them, so none changes its meaning.
type definition struct{ id, term, text string }

type definitionList []definition

func (definitionList) isBlock() {}

var definitions = definitionList{
	{"row", "Row", "One address in one attack window (without windows: in one month). A figure counts rows unless it says addresses."},
	{"label", "Label", "abuseipdb_isReported as of the stated date. True: reported. False: known and not reported, which is not the same as innocent. Rows whose label is unknown are scored and counted, never trained or tested."},
	{"flagged", "Flagged", "The raw probability is at or above the threshold. Of the rules: their conditions hold."},
	{"confusion", "TN, FP, FN, TP", "Rows labelled False and not flagged, labelled False and flagged, labelled True and not flagged, labelled True and flagged."},
	{"precision", "Precision", "Of the rows given a class, the share that has it: TP / (TP + FP) for True. Undefined (–) where nothing is given the class."},
	{"recall", "Recall", "Of the rows that have a class, the share given it: TP / (TP + FN) for True."},
	{"f1", "F1", "The harmonic mean of precision and recall: 2 TP / (2 TP + FP + FN)."},
	{"support", "Support", "The rows that have the class."},
	{"accuracy", "Accuracy", "The share of rows given the class they have."},
	{"macro", "Macro average", "The plain mean over the classes False and True."},
	{"weighted", "Weighted average", "The mean over the classes, weighted by support."},
	{"fpr", "False-positive rate", "Of the rows labelled False, the share that is flagged: FP / (FP + TN)."},
	{"roc-auc", "ROC AUC", "The area under the ROC curve: the chance that a random row labelled True scores above a random one labelled False, ties counting one half. 0.5 is guessing."},
	{"pr-auc", "PR AUC", "Average precision: the sum over thresholds of the gain in recall times the precision there. Guessing gives the share of rows labelled True."},
	{"brier", "Brier score", "The mean of (probability − label)². 0 is perfect; always saying the share of True gives that share times its complement."},
	{"brier-parts", "Brier decomposition", "Brier = reliability − resolution + uncertainty. Reliability is how far probabilities lie from the shares seen (0 is best), resolution how far they tell rows apart, uncertainty the variance of the label."},
	{"log-loss", "Log loss", "The mean of −ln of the probability given to the label."},
	{"at-half", "At one half", "Flagged when the raw probability is 0.5 or more, as in the published tables. The rules beside it are fitted for the best F1."},
	{"operating-point", "Operating point", "The threshold with the greatest recall whose precision has a lower 90 % bound at or above the target on folds of the training months, grouped by address. If no threshold gives that, the model abstains. The rules beside it are fitted for the same target."},
	{"lower-bound", "Lower 90 % bound", "Wilson's one-sided bound of a share at 90 % confidence, on the rows divided by the design effect of addresses that have several rows."},
	{"interval", "Interval", "95 % percentile interval over bootstrap draws of whole addresses. Intervals in slices and by address are Wilson's, with the same clustering, and differ a little from those of the draws."},
	{"comparison", "Better, not distinguishable, worse", "The model and its rival flag the same rows at their operating points, both tuned to the same target. If the 95 % interval of the paired difference in recall lies above 0 the model is better, below 0 worse, else not distinguishable."},
	{"same-precision", "Recall at its precision", "The model's greatest recall on the test months among thresholds whose precision is at least the rival's. In hindsight: nothing was chosen by it."},
	{"mcnemar", "McNemar", "The exact test on rows where exactly one of two verdicts is right. It treats rows as independent."},
	{"prevalence", "Precision by the share alone", "What precision would be at the test months' share of reported rows if the rates at which the two labels are flagged were those of the training folds. The rest of a change is the model's."},
	{"hindsight", "In hindsight", "The threshold that the test months themselves would have chosen. Nothing was chosen by it; it shows what the target costs."},
	{"coverage", "Of addresses (coverage)", "The share of the split's addresses that have a row in the slice."},
	{"unseen", "Never seen in training", "The address has no row in the training months."},
	{"listed-before", "Listed before", "The address stood on the list strictly before its window began: the list itself as a model."},
	{"rules", "Rules", "Two thresholds, on request_count and response_size_mean, joined by AND or OR, both searched jointly in all eight combinations on the training months."},
	{"gain", "Gain", "The share of the loss reduction in training that splits on the feature brought."},
	{"cover", "Cover", "The share of the training rows' second-order weight that passed through splits on the feature."},
	{"permutation", "Permutation importance", "How much ROC AUC on the test months falls when the column's values are shuffled among the rows."},
	{"shap", "Contribution", "The feature's part of the margin (log odds) by TreeSHAP; contributions and bias add up to the margin."},
	{"psi", "PSI", "Population stability index: the sum over bins of (share now − share in training) × ln of their ratio. Below 0.1 little, up to 0.25 some, above it a shift."},
	{"ks", "KS", "The greatest distance between the distribution functions then and now, at the bins' edges."},
	{"elkan-noto", "c, e1, e2, e3", "Estimates of the chance that an abusive address is reported (Elkan and Noto, 2008), assuming it does not depend on the features: e1 the mean probability of reported rows, e2 their share of the sum of probabilities, e3 the greatest probability. True precision follows from c = e1."},
	{"calibration-error", "Calibration error", "The mean over bins of equal size of |mean probability − share labelled True|, weighted by rows (expected calibration error). By chance it is above 0 even where probabilities are right, so a warning is given from 5 points on and only where three of ten bins lie outside their 95 % interval."},
	{"study", "Gained", "The variant's figure minus that of the first variant, on the same rows and the same draws of addresses: a paired interval that excludes 0 can be told from chance."},
	{"age", "Age", "Months from the last training month to the test month. All models of a row are measured on the same rows, so that an older one's loss is paired with the youngest."},
	{"draws", "Draws", "A random .8/.2 split, five times: the rows are cut into fifths, by row or by address, and each fifth is tested once by a model of the other four."},
	{"leakage", "Gain by leakage", "ROC AUC over all rows, each scored by the model that did not see it, split by row minus split by address; the interval is a paired bootstrap over addresses."},
	{"gate", "Gate", "A limit that a model must meet to become champion. A held-back model is written with its report; the champion stays."},
	{"cost", "Cost", "What false positives and missed rows cost together, a missed row counting 1, divided by the cost of flagging nothing."},
	{"requests-flagged", "Requests of flagged rows", "The requests that flagged rows made in their windows."},
	{"readers", "Unreported addresses flagged", "Flagged addresses labelled False: at worst, readers locked out."},
}
