import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.hl7.fhir.r5.context.IWorkerContext;
import org.hl7.fhir.r5.elementmodel.Element;
import org.hl7.fhir.r5.elementmodel.Manager;
import org.hl7.fhir.r5.elementmodel.Manager.FhirFormat;
import org.hl7.fhir.r5.model.CanonicalResource;
import org.hl7.fhir.r5.model.CanonicalType;
import org.hl7.fhir.r5.model.Resource;
import org.hl7.fhir.r5.utils.validation.IResourceValidator;
import org.hl7.fhir.r5.utils.validation.IValidatorResourceFetcher;
import org.hl7.fhir.utilities.json.model.JsonObject;
import org.hl7.fhir.utilities.json.parser.JsonParser;

/** Resolves references for the validator, from the resources that are validated and never from the network. */
final class KnownResources implements IValidatorResourceFetcher {
  private final IWorkerContext context;
  private final Map<String, byte[]> byReference = new HashMap<>();

  KnownResources(IWorkerContext context, List<Conformance.Subject> subjects) {
    this.context = context;
    for (Conformance.Subject subject : subjects) {
      try {
        JsonObject resource = JsonParser.parseObject(subject.json());
        byReference.put(resource.asString("resourceType") + "/" + resource.asString("id"), subject.json());
      } catch (IOException | RuntimeException notJson) {
        // The validator reports it when it validates that resource.
      }
    }
  }

  @Override
  public Element fetch(IResourceValidator validator, Object appContext, String url) throws IOException {
    byte[] json = byReference.get(url);
    return json == null
        ? null
        : Manager.parse(context, new ByteArrayInputStream(json), FhirFormat.JSON).get(0).getElement();
  }

  /** A canonical must be among the definitions; any other address outside hl7.org/fhir is accepted. */
  @Override
  public boolean resolveURL(
      IResourceValidator validator,
      Object appContext,
      String path,
      String url,
      IWorkerContext.VersionResolutionRules rules,
      String type,
      boolean canonical,
      List<CanonicalType> targets) {
    if (context.fetchResource(Resource.class, url, IWorkerContext.VersionResolutionRules.defaultRule()) != null) {
      return true;
    }
    return !canonical && !url.startsWith("http://hl7.org/fhir");
  }

  @Override
  public byte[] fetchRaw(IResourceValidator validator, String url) throws IOException {
    throw new IOException("not fetched: " + url);
  }

  @Override
  public IValidatorResourceFetcher setLocale(Locale locale) {
    return this;
  }

  @Override
  public CanonicalResource fetchCanonicalResource(IResourceValidator validator, Object appContext, String url) {
    return null;
  }

  @Override
  public boolean fetchesCanonicalResource(IResourceValidator validator, String url) {
    return false;
  }

  @Override
  public Set<ResourceVersionInformation> fetchCanonicalResourceVersions(
      IResourceValidator validator, Object appContext, String url) {
    return Set.of();
  }
}
