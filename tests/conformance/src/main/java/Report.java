import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.hl7.fhir.utilities.validation.ValidationMessage;
import org.hl7.fhir.utilities.validation.ValidationMessage.IssueSeverity;

/** Counts the validator's messages by severity, message id and place in the resource (without indexes). */
final class Report {
  private static final class Kind {
    int count;
    String example;
    AcceptedWarning acceptance;
  }

  private final List<AcceptedWarning> accepted;
  private final Set<AcceptedWarning> met = new HashSet<>();
  private final Map<String, Kind> kinds = new TreeMap<>();
  private final Map<String, Integer> warningCounts = new TreeMap<>();
  private int resources;
  private int errors;
  private int warnings;
  private int unlisted;
  private int remarks;

  Report(List<AcceptedWarning> accepted) {
    this.accepted = accepted;
  }

  void add(String origin, List<ValidationMessage> messages) {
    resources++;
    for (ValidationMessage message : messages) {
      String label;
      AcceptedWarning acceptance = null;
      if (isError(message)) {
        errors++;
        label = "1 error";
      } else if (message.getLevel() == IssueSeverity.WARNING) {
        warnings++;
        warningCounts.merge(kind(message), 1, Integer::sum);
        acceptance = accepted.stream().filter(entry -> entry.covers(origin, message)).findFirst().orElse(null);
        if (acceptance == null) {
          unlisted++;
          label = "2 warning, NOT LISTED";
        } else {
          met.add(acceptance);
          label = "3 warning, accepted";
        }
      } else {
        remarks++;
        label = "4 information";
      }
      String where = place(message);
      Kind kind =
          kinds.computeIfAbsent(
              String.join("  ", label, kind(message), where), key -> new Kind());
      kind.count++;
      if (kind.example == null) {
        kind.example = origin + "  " + describe(message);
        kind.acceptance = acceptance;
      }
    }
  }

  boolean isClean() {
    return errors == 0 && unlisted == 0;
  }

  void print() {
    kinds.forEach(
        (key, kind) -> {
          System.out.printf("%6d x %s%n           %s%n", kind.count, key.substring(2), kind.example);
          if (kind.acceptance != null) {
            System.out.printf("           accepted: %s%n", kind.acceptance.reason());
          }
        });
    for (AcceptedWarning entry : accepted) {
      if (!met.contains(entry)) {
        System.out.printf("note: the accepted warning %s /%s/ did not occur%n", entry.kind(), entry.text());
      }
    }
    System.out.printf("%d remarks of information level%n", remarks);
    String counts =
        warningCounts.entrySet().stream()
            .map(entry -> entry.getKey() + ": " + entry.getValue())
            .collect(Collectors.joining(", "));
    System.out.printf(
        "%d resources validated, %d errors, %d warnings%s%n",
        resources, errors, warnings, counts.isEmpty() ? "" : " (" + counts + ")");
  }

  static boolean isError(ValidationMessage message) {
    return message.getLevel() == IssueSeverity.ERROR || message.getLevel() == IssueSeverity.FATAL;
  }

  /** Returns the validator's message id; the parser's messages have none. */
  static String kind(ValidationMessage message) {
    return message.getMessageId() == null ? "PARSER" : message.getMessageId();
  }

  static String describe(ValidationMessage message) {
    return kind(message) + " @ " + message.getLocation() + ": " + message.getMessage();
  }

  private static String place(ValidationMessage message) {
    return String.valueOf(message.getLocation()).replaceAll("/\\*.*?\\*/", "").replaceAll("\\[\\d+]", "");
  }
}
