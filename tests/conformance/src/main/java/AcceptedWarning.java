import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.hl7.fhir.utilities.json.model.JsonObject;
import org.hl7.fhir.utilities.json.parser.JsonParser;
import org.hl7.fhir.utilities.validation.ValidationMessage;

/**
 * A warning that is expected, and the reason: its message id, a pattern for its location and text, and, if it is
 * expected in one file only, a pattern for the name of that file.
 */
record AcceptedWarning(String kind, Pattern text, Pattern file, String reason) {
  static List<AcceptedWarning> readAll(Path file) throws IOException {
    List<AcceptedWarning> accepted = new ArrayList<>();
    for (JsonObject entry : JsonParser.parseObject(Files.readString(file)).getJsonObjects("accepted")) {
      accepted.add(
          new AcceptedWarning(
              entry.asString("kind"),
              Pattern.compile(entry.asString("text")),
              Pattern.compile(entry.has("file") ? entry.asString("file") : ""),
              entry.asString("reason")));
    }
    return accepted;
  }

  boolean covers(String origin, ValidationMessage message) {
    return kind.equals(Report.kind(message))
        && text.matcher(Report.describe(message)).find()
        && file.matcher(origin).find();
  }
}
