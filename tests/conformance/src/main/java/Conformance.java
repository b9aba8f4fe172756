import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.regex.Pattern;
import org.hl7.fhir.r5.context.SimpleWorkerContext;
import org.hl7.fhir.r5.elementmodel.Manager.FhirFormat;
import org.hl7.fhir.r5.model.StructureDefinition;
import org.hl7.fhir.r5.utils.validation.ValidatorSession;
import org.hl7.fhir.r5.utils.validation.constants.BestPracticeWarningLevel;
import org.hl7.fhir.r5.utils.validation.constants.IdStatus;
import org.hl7.fhir.r5.utils.validation.constants.ReferenceValidationPolicy;
import org.hl7.fhir.utilities.http.ManagedWebAccess;
import org.hl7.fhir.utilities.json.model.JsonObject;
import org.hl7.fhir.utilities.json.parser.JsonParser;
import org.hl7.fhir.utilities.validation.ValidationMessage;
import org.hl7.fhir.validation.ValidatorSettings;
import org.hl7.fhir.validation.instance.InstanceValidator;
import org.hl7.fhir.validation.instance.advisor.BasePolicyAdvisorForFullValidation;

/**
 * Validates FHIR resources, of R5 or R4, with HL7's validator: by the base definition of their type and every profile they claim.
 *
 * <p>Arguments: {@code --r4} (R4 4.0.1 instead of R5), {@code --definitions PATH} (a file or folder, repeatable), {@code --statement FILE} (a profile in our
 * own words: resources that claim its url are validated by it, too), {@code --accepted-warnings FILE},
 * {@code --expect-rejection FOLDER}, then the files to validate ({@code .json}: one resource, {@code .ndjson}: one a
 * line; a folder means all such files in it). Exit status 0: no error, no warning outside the list, and every resource
 * of the rejection folder is refused for the reason given there; 1: otherwise; 2: the arguments are wrong.
 */
public final class Conformance {
  /** One resource to validate. */
  record Subject(String origin, byte[] json) {}

  /** The validator ignores the claim of a profile whose url names another version of FHIR. */
  private static final String OF_ANOTHER_VERSION = "http://hl7.org/fhir/5.0/";

  private final SimpleWorkerContext context;
  private final KnownResources known;
  private final List<StructureDefinition> statements;

  private Conformance(SimpleWorkerContext context, List<StructureDefinition> statements, KnownResources known) {
    this.context = context;
    this.statements = statements;
    this.known = known;
  }

  public static void main(String[] arguments) throws Exception {
    ManagedWebAccess.setAccessPolicy(ManagedWebAccess.WebAccessPolicy.PROHIBITED);
    Locale.setDefault(Locale.ENGLISH);
    List<Path> definitions = new ArrayList<>();
    List<Path> statementFiles = new ArrayList<>();
    List<Path> files = new ArrayList<>();
    List<AcceptedWarning> accepted = List.of();
    Path rejected = null;
    boolean isR4 = false;
    for (int i = 0; i < arguments.length; i++) {
      switch (arguments[i]) {
        case "--r4" -> isR4 = true;
        case "--definitions" -> definitions.add(Path.of(arguments[++i]));
        case "--statement" -> statementFiles.add(Path.of(arguments[++i]));
        case "--accepted-warnings" -> accepted = AcceptedWarning.readAll(Path.of(arguments[++i]));
        case "--expect-rejection" -> rejected = Path.of(arguments[++i]);
        default -> files.add(Path.of(arguments[i]));
      }
    }
    if (files.isEmpty() && rejected == null) {
      System.err.println("nothing to validate: name at least one .json or .ndjson file, or a folder of them");
      System.exit(2);
    }
    List<Subject> subjects = read(Definitions.filesUnder(files));
    long start = System.nanoTime();
    SimpleWorkerContext context = isR4 ? Definitions.loadR4(definitions) : Definitions.load(definitions);
    List<StructureDefinition> statements = new ArrayList<>();
    for (Path file : statementFiles) {
      statements.add(Definitions.add(context, file));
    }
    System.out.printf("definitions loaded in %d s%n", (System.nanoTime() - start) / 1_000_000_000);
    Conformance judge = new Conformance(context, statements, new KnownResources(context, subjects));
    boolean refused = rejected == null || judge.refusesAll(rejected);
    Report report = new Report(accepted);
    judge.judgeAll(subjects, report);
    report.print();
    System.out.flush();
    System.exit(refused && report.isClean() ? 0 : 1);
  }

  static List<Subject> read(List<Path> files) throws IOException {
    List<Subject> subjects = new ArrayList<>();
    for (Path file : files) {
      if (file.toString().endsWith(".ndjson")) {
        int number = 0;
        for (String line : Files.readString(file).split("\n")) {
          number++;
          if (!line.isBlank()) {
            subjects.add(new Subject(file + ":" + number, line.getBytes(StandardCharsets.UTF_8)));
          }
        }
      } else {
        subjects.add(new Subject(file.toString(), Files.readAllBytes(file)));
      }
    }
    return subjects;
  }

  private void judgeAll(List<Subject> subjects, Report report) throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(Runtime.getRuntime().availableProcessors());
    List<Future<List<ValidationMessage>>> verdicts = new ArrayList<>();
    for (Subject subject : subjects) {
      verdicts.add(threads.submit(() -> judge(subject)));
    }
    for (int i = 0; i < subjects.size(); i++) {
      report.add(subjects.get(i).origin(), verdicts.get(i).get());
      verdicts.set(i, null);
    }
    threads.shutdown();
  }

  private List<ValidationMessage> judge(Subject subject) {
    List<ValidationMessage> messages = new ArrayList<>();
    try {
      validator()
          .validate(null, messages, new ByteArrayInputStream(subject.json()), FhirFormat.JSON, claimed(subject));
    } catch (RuntimeException cause) {
      messages.add(
          new ValidationMessage(
                  ValidationMessage.Source.InstanceValidator,
                  ValidationMessage.IssueType.EXCEPTION,
                  "(resource)",
                  "the validator gave up: " + cause,
                  ValidationMessage.IssueSeverity.FATAL)
              .setMessageId("VALIDATOR_GAVE_UP"));
    }
    return messages;
  }

  /** Returns the statements to validate by, beside the claimed profiles, which the validator finds by itself. */
  private List<StructureDefinition> claimed(Subject subject) {
    JsonObject resource;
    try {
      resource = JsonParser.parseObject(subject.json());
    } catch (IOException | RuntimeException notJson) {
      return new ArrayList<>();
    }
    List<String> claims = resource.has("meta") ? resource.getJsonObject("meta").getStrings("profile") : List.of();
    List<StructureDefinition> claimed = new ArrayList<>(statements);
    claimed.removeIf(
        statement ->
            !statement.getType().equals(resource.asString("resourceType"))
                || claims.stream().noneMatch(claim -> statement.getUrl().equals(claim + Definitions.AS_STATED)));
    for (String claim : claims) {
      StructureDefinition profile = Definitions.find(context, claim);
      if (profile != null && claim.startsWith(OF_ANOTHER_VERSION)) {
        claimed.add(profile);
      }
    }
    return claimed;
  }

  /** Returns whether each resource of the folder is refused with the error that its entry in reasons.json describes. */
  private boolean refusesAll(Path folder) throws IOException {
    JsonObject reasons = JsonParser.parseObject(Files.readString(folder.resolve("reasons.json")));
    boolean all = true;
    int count = 0;
    for (Path file : Definitions.filesUnder(List.of(folder))) {
      String name = file.getFileName().toString();
      if (name.equals("reasons.json")) {
        continue;
      }
      count++;
      Pattern reason = Pattern.compile(reasons.asString(name) == null ? "(?!)" : reasons.asString(name));
      List<ValidationMessage> errors = judge(read(List.of(file)).get(0)).stream().filter(Report::isError).toList();
      if (errors.stream().noneMatch(error -> reason.matcher(Report.describe(error)).find())) {
        all = false;
        System.out.printf("NOT REFUSED for /%s/: %s%n", reason, file);
        errors.forEach(error -> System.out.println("    " + Report.describe(error)));
      }
    }
    System.out.printf("%d broken resources, %s%n", count, all ? "each refused for its reason" : "NOT all refused");
    return all;
  }

  /** Returns a new validator for each resource: a validator keeps every coding, and so the resources, in memory. */
  private InstanceValidator validator() {
    ValidatorSession session = new ValidatorSession();
    // It looks for the definitions of "5.0", does not know that 5.0.0 has them, and would download a package.
    session.getOtherVersions().put("5.0", context);
    InstanceValidator validator =
        new InstanceValidator(context, null, null, session, new ValidatorSettings());
    validator.setFetcher(known);
    validator.setPolicyAdvisor(
        new BasePolicyAdvisorForFullValidation(ReferenceValidationPolicy.CHECK_TYPE_IF_EXISTS, null));
    validator.setBestPracticeWarningLevel(BestPracticeWarningLevel.Warning);
    validator.setResourceIdRule(IdStatus.OPTIONAL);
    validator.setAssumeValidRestReferences(true);
    validator.setErrorForUnknownProfiles(false);
    return validator;
  }
}
